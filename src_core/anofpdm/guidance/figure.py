"""The picture of a guidance search: accuracy, M_max, cosines and ROC."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEALTHY, _UNHEALTHY = "#0072B2", "#D55E00"
_WARNING = "#B00020"
_LINES = ("o-", "s--", "^:", "d-.")


def save_guidance_figure(path: Path, document: dict[str, Any]) -> None:
    """Draw a search's outcome as a PNG file.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    document : dict
        From `guidance_document`.
    """
    chosen = document["chosen"]
    figure = Figure(figsize=(12, 9.4), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(
        0.02, 0.985,
        f"Guidance selection for {document['bundle']['name']}: w* = {chosen['guidance']:g}, "
        f"{_limit(document)}, {_measure(document)} {chosen['accuracy']:.3f}",
        fontsize=14, weight="bold", va="top",
    )  # fmt: skip
    figure.text(0.02, 0.952, _source(document), fontsize=10, va="top", color="0.25")
    if document["warnings"]:
        figure.text(
            0.02, 0.932, textwrap.fill(" ".join(document["warnings"]), 160), fontsize=10, va="top",
            color=_WARNING,
        )  # fmt: skip
    axes = figure.subplots(
        2, 2,
        gridspec_kw={
            "left": 0.075, "right": 0.975, "bottom": 0.065, "top": 0.88, "wspace": 0.2,
            "hspace": 0.3,
        },
    )  # fmt: skip
    _draw_accuracy(axes[0, 0], document)
    _draw_divergence(axes[0, 1], document)
    _draw_values(axes[1, 0], document)
    _draw_roc(axes[1, 1], document)
    figure.savefig(path, format="png")


def _source(document: dict[str, Any]) -> str:
    slices = document["slices"]
    data = document["source"].split("; ")[0]  # what it adds on accuracy has a line of its own
    return (
        f"{data}: {slices['healthy']} healthy and {slices['unhealthy']} unhealthy "
        f"slices, {document['process'].upper()}, {document['steps']} steps up to "
        f"t = {document['t_max']}; measured on the slices used to choose w* and the threshold"
    )


def _limit(document: dict[str, Any]) -> str:
    """Name the threshold of the rule's verdict, with its value."""
    chosen = document["chosen"]
    if document["rule"] == "absolute":
        return f"threshold on the map {chosen['map_threshold']:.4g}"
    return f"Cos* = {chosen['cosine_threshold']:.5f}"


def _measure(document: dict[str, Any]) -> str:
    """Name what thresholds and guidance were chosen by."""
    return "balanced accuracy" if document["criterion"] == "balanced" else "accuracy"


def _draw_accuracy(axes: Axes, document: dict[str, Any]) -> None:
    candidates, chosen = document["candidates"], document["chosen"]
    name = "map_accuracy" if document["rule"] == "absolute" else "accuracy"
    accuracies = [c[name] for c in candidates]
    axes.plot([c["guidance"] for c in candidates], accuracies, "o-", color="0.3")
    axes.plot(
        chosen["guidance"], chosen["accuracy"], "*", color=_UNHEALTHY, markersize=16,
        label=f"w* = {chosen['guidance']:g}",
    )  # fmt: skip
    share = document["fraction"]
    axes.axhline(
        share * max(accuracies), color="0.6", linestyle="--", linewidth=1,
        label=f"{share:g} x best accuracy",
    )  # fmt: skip
    axes.axhline(
        chosen["baseline"], color="0.6", linestyle=":", linewidth=1, label="one class for all"
    )
    measure = _measure(document)
    _label(
        axes,
        f"{measure.capitalize()} of each candidate",
        "guidance w",
        f"{measure} on slices",
    )
    axes.legend(fontsize=10, frameon=False)


def _draw_divergence(axes: Axes, document: dict[str, Any]) -> None:
    candidates, chosen = document["candidates"], document["chosen"]
    for channel, modality in enumerate(document["scored"]):
        axes.plot(
            [c["guidance"] for c in candidates],
            [c["max_divergence"][channel] for c in candidates],
            _LINES[channel % len(_LINES)],
            color="0.3",
            label=f"{modality.upper()}: {chosen['max_divergence'][channel]:.4g} at w*",
        )
        axes.plot(
            chosen["guidance"], chosen["max_divergence"][channel], "*", color=_UNHEALTHY,
            markersize=16,
        )  # fmt: skip
    axes.set_ylim(bottom=0)
    _label(axes, "Largest divergence M$_{max}$", "guidance w", "M$_{max}$ of the unhealthy slices")
    axes.legend(fontsize=10, frameon=False)


def _draw_values(axes: Axes, document: dict[str, Any]) -> None:
    histogram, by_map = document["histogram"], document["rule"] == "absolute"
    threshold = document["chosen"]["map_threshold" if by_map else "cosine_threshold"]
    edges = histogram["edges"]
    for name, colour in (("healthy", _HEALTHY), ("unhealthy", _UNHEALTHY)):
        axes.stairs(histogram[name], edges, color=colour, fill=True, alpha=0.45, label=name)
        axes.stairs(histogram[name], edges, color=colour)
    if edges[0] <= threshold <= edges[-1]:
        axes.axvline(threshold, color="0.2", linestyle="--", linewidth=1, label="threshold")
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.tick_params(axis="x", labelsize=9)
    title, horizontal = (
        ("Highest threshold that marks a slice, at w*", "value of the map (unhealthy from")
        if by_map
        else ("Cosine of the error curves at w*", "cosine (unhealthy at or below")
    )
    _label(axes, title, f"{horizontal} the threshold{' on' if by_map else ''})", "slices")
    axes.legend(fontsize=10, frameon=False, loc="upper right" if by_map else "upper left")


def _draw_roc(axes: Axes, document: dict[str, Any]) -> None:
    curve, chosen, slices = document["roc"], document["chosen"], document["slices"]
    axes.plot([0, 1], [0, 1], "--", color="0.8", linewidth=1)
    axes.plot(
        curve["false_positive_rate"], curve["true_positive_rate"], color="0.3",
        label=f"area {chosen['auroc']:.3f}",
    )  # fmt: skip
    axes.plot(
        chosen["healthy_called_unhealthy"] / slices["healthy"],
        chosen["unhealthy_called_unhealthy"] / slices["unhealthy"],
        "*",
        color=_UNHEALTHY,
        markersize=16,
        label="at the threshold",
    )
    axes.set_aspect("equal")
    _label(axes, "ROC of slice classification at w*", "false positive rate (healthy slices)",
           "true positive rate (unhealthy slices)")  # fmt: skip
    axes.legend(fontsize=10, frameon=False, loc="lower right")


def _label(axes: Axes, title: str, horizontal: str, vertical: str) -> None:
    axes.set_title(title, fontsize=12)
    axes.set_xlabel(horizontal, fontsize=11)
    axes.set_ylabel(vertical, fontsize=11)
