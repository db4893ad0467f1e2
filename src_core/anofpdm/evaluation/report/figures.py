"""Figures of an evaluation, as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anofpdm.evaluation.baselines import EMPTY
from anofpdm.evaluation.example import Example
from anofpdm.evaluation.measures.map_counts import BINS, precision_recall
from anofpdm.evaluation.tally import Tally
from anofpdm.method.class_labels import HEALTHY, UNHEALTHY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MASKS_SHOWN = 5
_DPI = 100


class Picture(NamedTuple):
    """A figure with its caption.

    Attributes
    ----------
    caption : str
    png : bytes
    """

    caption: str
    png: bytes


def draw_figures(tally: Tally) -> tuple[Picture, ...]:
    """Draw examples, precision-recall and ROC curves, and scores against lesion size."""
    pictures = []
    if tally.examples:
        pictures.append(_examples(tally.examples))
    pictures += [_curves(tally), _sizes(tally)]
    return tuple(pictures)


def _examples(examples: Sequence[Example]) -> Picture:
    names = [name for name in examples[0].masks if name != EMPTY][:_MASKS_SHOWN]
    titles = ("scan", "truth", "anomaly map", *names)
    figure = new_figure(1.9 * len(titles), 2.1 * len(examples))
    axes = figure.subplots(len(examples), len(titles), squeeze=False)
    for row, example in zip(axes, examples, strict=True):
        overlays: list[NDArray[np.bool_] | None] = [None, example.truth, None]
        overlays += [example.masks[name] for name in names]
        for k, (axis, title) in enumerate(zip(row, titles, strict=True)):
            axis.set_axis_off()
            if example is examples[0]:
                axis.set_title(title, fontsize=8)
            if k == 2:
                axis.imshow(example.anomaly_map, cmap="magma")
                continue
            axis.imshow(example.scan, cmap="gray", vmin=0, vmax=1)
            marked = overlays[k]
            if marked is not None and marked.any():
                colour = "lime" if k == 1 else "red"
                axis.contour(marked, levels=[0.5], colors=colour, linewidths=0.8)
        row[0].text(
            0, 1, example.title, transform=row[0].transAxes, color="white", fontsize=7, va="top"
        )
    caption = (
        "The slice with most lesion of the first scans with a lesion: truth in green, masks in "
        "red. Seen from the feet: the patient's right is at the left."
    )
    return Picture(caption, png_of(figure))


def _curves(tally: Tally) -> Picture:
    figure = new_figure(11, 4.6)
    left, right = figure.subplots(1, 2)
    for name in tally.maps:
        whole = np.zeros((2, BINS))
        for counts in tally.counts(name):
            whole += counts.pixels("mixed", "brain")
        precision, recall = precision_recall(whole)
        left.plot(recall, precision, label=name, linewidth=1)
    left.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    left.set_title("Pixels of the brain, all labelled slices", fontsize=9)
    _legend(left)
    label = tally.by_slice()["label"]
    known = (label == HEALTHY) | (label == UNHEALTHY)
    sick = label[known] == UNHEALTHY
    if sick.any() and not sick.all():
        from sklearn.metrics import roc_curve  # slow to import; only reports need it

        for name, values in _slice_scores(tally).items():
            false, true, _ = roc_curve(sick, values[known])
            right.plot(false, true, label=name, linewidth=1)
        _legend(right)
    right.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, linestyle=":")
    right.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.02))
    right.set_title("Slices: healthy or unhealthy", fontsize=9)
    caption = "Precision against recall of the maps, and ROC curves of the slice scores."
    return Picture(caption, png_of(figure))


def _sizes(tally: Tally) -> Picture:
    figure = new_figure(11, 4.6)
    left, right = figure.subplots(1, 2)
    slices = tally.by_slice()
    sick = slices["label"] == UNHEALTHY
    area = np.asarray(slices["lesion_mm2"], dtype=np.float64)[sick]
    for name in [name for name in tally.methods if name != EMPTY][:3]:
        dice = np.concatenate([one.slices["dice"] for one in tally.of_method(name)])[sick]
        left.scatter(area, dice, s=6, alpha=0.5, label=name)
    left.set(xlabel="lesion area, mm2", ylabel="DICE of the slice", ylim=(-0.02, 1.02))
    divergence = np.asarray(slices["divergence_at_end"], dtype=np.float64)[sick]
    right.scatter(area, divergence, s=6, alpha=0.6)
    right.set(xlabel="lesion area, mm2", ylabel="M at t_e")
    if area.size and area.min() > 0:
        left.set_xscale("log")
        right.set_xscale("log")
    if area.size:
        _legend(left)
    caption = "Slices with a lesion: DICE, and M at the end step, against lesion area."
    return Picture(caption, png_of(figure))


def _slice_scores(tally: Tally) -> dict[str, NDArray[np.float64]]:
    """Scores of all slices by name of method and score, each set of values once."""
    found: dict[str, NDArray[np.float64]] = {}
    for method in tally.methods:
        scores = tally.of_method(method)
        for kind in scores[0].slice_scores:
            values = np.concatenate([one.slice_scores[kind] for one in scores])
            if not any(np.array_equal(values, other) for other in found.values()):
                found[f"{method}: {kind}"] = values
    return found


def _legend(axis: Axes) -> None:
    axis.legend(fontsize=6, loc="best")
    axis.grid(alpha=0.3)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png_of(figure: Figure) -> bytes:
    """Render a figure; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    stream = io.BytesIO()
    options: dict[str, Any] = {"metadata": {"Software": None}}
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", dpi=_DPI, **options)
    return stream.getvalue()
