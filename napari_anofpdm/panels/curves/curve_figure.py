"""The plots of one slice as a figure for print: white background, with provenance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anofpdm.common.atomic import atomic_path
from anofpdm.scans.skull import tells_of_skull
from napari_anofpdm.panels.curves.curve_files import provenance
from napari_anofpdm.panels.curves.slice_verdict import gate_words
from napari_anofpdm.plots.plot_theme import ON_LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from anofpdm import Analysis, Interpretation
    from napari_anofpdm.plots.slice_row import SliceRow

_LINES = ("-", "--", ":", "-.")


def save_figure(
    path: str | os.PathLike[str],
    analysis: Analysis,
    result: Interpretation,
    position: int,
    row: SliceRow,
    *,
    overwrite: bool = False,
) -> None:
    """Draw the four plots of a slice and save them as SVG or PNG, by the suffix.

    Parameters
    ----------
    path : str or Path
        NAME.svg or NAME.png.
    analysis : Analysis
    result : Interpretation
        Interpretation of this slice only.
    position : int
        Its position in the analysis.
    row : SliceRow
        All slices.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is false, or if it cannot be written. No partial file
        is left.
    """
    with atomic_path(path, overwrite) as target:
        figure = _figure(analysis, result, position, row)
        figure.savefig(target, format=Path(path).suffix.lstrip(".").lower())


def _figure(analysis: Analysis, result: Interpretation, position: int, row: SliceRow) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    made = provenance(analysis, result)
    title = f"Slice {int(result.slice_ids[0])} of {made['scans']}"
    figure.suptitle(title, fontsize=13, weight="bold")
    foot = f"{made['model']} ({made['hash'][:12]}), {made['run']}, w = {result.settings.guidance:g}"
    figure.supxlabel(f"{foot}; {made['version']}. {made['use']}", fontsize=8, color="0.3")
    _draw_divergence(axes[0, 0], result)
    skull = tells_of_skull(analysis.metadata.warnings)
    _draw_errors(axes[0, 1], result, skull)
    _draw_histogram(axes[1, 0], result, np.asarray(analysis.foreground[position]))
    _draw_strip(axes[1, 1], result, row, skull)
    return figure


def _draw_divergence(axes: Axes, result: Interpretation) -> None:
    for c, modality in enumerate(result.modalities):
        colour = ON_LIGHT.curve(c)
        step = int(result.end_step[0, c])
        name = f"{modality.upper()}, t$_e$ = {step}"
        axes.plot(
            result.timesteps, result.divergence[0, c], _LINES[c % 4], color=colour, label=name
        )
        axes.axvline(step, color=colour, linewidth=1, linestyle="--")
    axes.set(title="Divergence (M$_t$)", xlabel="noise level t", ylabel="M$_t$")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)


def _draw_errors(axes: Axes, result: Interpretation, skull: bool) -> None:
    colours = ON_LIGHT.curves
    axes.plot(
        result.timesteps,
        result.mse_healthy[0].mean(axis=0),
        color=colours[2],
        label="healthy-guided",
    )
    axes.plot(
        result.timesteps, result.mse_null[0].mean(axis=0), ":", color=colours[3], label="unguided"
    )
    settings = result.settings
    cosine = float(result.cosine[0])
    words = gate_words(cosine, settings.cosine_threshold, gate=settings.gate, skull=skull)
    axes.set(title=f"Errors: {words}", xlabel="noise level t", ylabel="mean squared error")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)


def _draw_histogram(axes: Axes, result: Interpretation, brain: NDArray[np.bool_]) -> None:
    threshold = float(result.threshold[0])
    filtered = result.settings.median_kernel > 1
    name = "H, filtered" if filtered else "H"
    axes.hist(result.filtered_map[0][brain], 80, log=True, color=ON_LIGHT.healthy, label=name)
    if filtered:
        axes.hist(
            result.anomaly_map[0][brain],
            80,
            log=True,
            histtype="step",
            color="0.2",
            label="before the filter",
        )
    axes.axvline(threshold, color=ON_LIGHT.handle, label=f"Q* = {threshold:.3g}")
    axes.set(title="Anomaly map in the brain", xlabel="H", ylabel="pixels")
    axes.legend(frameon=False, fontsize=9)


def _draw_strip(axes: Axes, result: Interpretation, row: SliceRow, skull: bool) -> None:
    other = "slice (skull in view)" if skull else "slice (gate off)"
    for healthy, marker, name in ((False, "o", "unhealthy"), (True, "^", "healthy")):
        picked = row.computed & (row.healthy == healthy)
        if picked.any():
            axes.plot(
                row.slice_ids[picked],
                row.cosine[picked],
                marker,
                color=getattr(ON_LIGHT, name),
                markersize=4,
                label=name if result.settings.judges and not skull else other,
            )
    if result.settings.gate and result.settings.cosine_threshold is not None:
        axes.axhline(result.settings.cosine_threshold, color="0.3", linestyle="--", label="Cos*")
    axes.axvline(int(result.slice_ids[0]), color="0.5", linewidth=1, linestyle=":")
    axes.set(title=f"All slices, {row.volume_ml:.2f} ml marked", xlabel="slice", ylabel="cosine")
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.legend(frameon=False, fontsize=9)
