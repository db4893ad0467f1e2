"""The curves of the report: M_t and cosine of every slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection

from anofpdm.results.pictures.colours import HEALTHY_COLOUR, UNHEALTHY_COLOUR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from anofpdm.method.interpretation import Interpretation

_LINES = ("-", "--", ":", "-.")
# Without a height of its own a title makes matplotlib lay out all ticks once more.
_TITLE: Any = {"fontsize": 12, "y": 1.0}


def draw_curves(area: SubFigure, interpretation: Interpretation) -> None:
    """Draw M_t against the noise level at the left, the cosines at the right."""
    left, right = area.subplots(
        1,
        2,
        gridspec_kw={"left": 0.075, "right": 0.98, "bottom": 0.16, "top": 0.90, "wspace": 0.16},
    )
    _draw_divergence(left, interpretation)
    _draw_cosine(right, interpretation)


def _draw_divergence(axes: Axes, interpretation: Interpretation) -> None:
    """M_t of every slice; the end step t_e as a dot."""
    timesteps = np.asarray(interpretation.timesteps, dtype=float)
    healthy = np.asarray(interpretation.healthy)
    faint = max(0.15, min(0.8, 12 / max(1, len(healthy))))
    colours = np.where(healthy, HEALTHY_COLOUR, UNHEALTHY_COLOUR).tolist()
    # One collection for all slices of a modality: a line each takes seconds for a whole head.
    for channel in range(len(interpretation.modalities)):
        values = np.asarray(interpretation.divergence)[:, channel]
        axes.add_collection(
            LineCollection(
                list(np.stack([np.broadcast_to(timesteps, values.shape), values], axis=-1)),
                colors=colours,
                alpha=faint,
                linewidths=1,
                linestyles=_LINES[channel % len(_LINES)],
            )
        )
        for colour, chosen in ((HEALTHY_COLOUR, healthy), (UNHEALTHY_COLOUR, ~healthy)):
            axes.plot(
                np.asarray(interpretation.end_step)[chosen, channel],
                np.asarray(interpretation.divergence_at_end)[chosen, channel],
                ".",
                color=colour,
                alpha=min(1.0, 2 * faint),
                markersize=5,
            )
    axes.autoscale_view()
    axes.set_title(
        f"Divergence M$_t$ of each slice (dot: end step t$_e$), w = "
        f"{interpretation.settings.guidance:g}",
        **_TITLE,
    )
    axes.set_xlabel("noise level t", fontsize=11)
    axes.set_ylabel("M$_t$", fontsize=11)
    axes.set_ylim(bottom=0)
    for channel, modality in enumerate(interpretation.modalities):
        line = _LINES[channel % len(_LINES)]
        axes.plot([], [], line, color="0.3", label=modality.upper())
    if interpretation.settings.judges:
        axes.plot([], [], "s", color=UNHEALTHY_COLOUR, label="unhealthy slice")
        axes.plot([], [], "s", color=HEALTHY_COLOUR, label="healthy slice")
    axes.legend(fontsize=10, frameon=False)


def _draw_cosine(axes: Axes, interpretation: Interpretation) -> None:
    healthy = np.asarray(interpretation.healthy)
    ids, cosine = np.asarray(interpretation.slice_ids), np.asarray(interpretation.cosine)
    settings = interpretation.settings
    axes.plot(ids, cosine, "-", color="0.8", linewidth=1, zorder=1)
    axes.scatter(
        ids[~healthy],
        cosine[~healthy],
        marker="o",
        s=22,
        color=UNHEALTHY_COLOUR,
        label="unhealthy" if settings.judges else "slice (gate off)",
    )
    if settings.judges:
        axes.scatter(
            ids[healthy], cosine[healthy], marker="^", s=22, color=HEALTHY_COLOUR, label="healthy"
        )
    if settings.gate:
        threshold = settings.cosine_threshold
        assert threshold is not None  # Settings holds that the gate has one
        axes.axhline(threshold, color="0.3", linestyle="--", linewidth=1, label="threshold")
    axes.ticklabel_format(axis="y", useOffset=False)
    title = "Cosine of the two error curves, slice by slice"
    if settings.judges and not settings.gate:
        title += "\n(colours show the map's verdict, which does not use the cosine)"
    axes.set_title(title, **_TITLE)
    axes.set_xlabel("slice (from the feet up, counted from 0)", fontsize=11)
    axes.set_ylabel("cosine", fontsize=11)
    axes.legend(fontsize=10, frameon=False, loc="best")
