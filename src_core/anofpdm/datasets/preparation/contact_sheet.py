"""A page of slices from a dataset, to see at a glance whether labels and scans make sense."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from anofpdm.datasets.store.attributes import Split
from anofpdm.datasets.store.slices import SliceDataset, SliceSelection

COLUMNS: Final = 10
_CLASSES: Final = {0: "healthy", 1: "unhealthy", -1: "unknown"}
_SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")
_TRUTH: Final = "#F0E442"
_SEED: Final = 0
# In units of a slice's side: from tile to tile, with room for a caption above; and the margin that
# holds the rows' names.
_ACROSS, _DOWN, _MARGIN = 1.05, 1.3, 0.9
_INCHES: Final = 1.3


@dataclass(frozen=True)
class _Tile:
    image: NDArray[np.float32]
    caption: str
    truth: NDArray[np.bool_] | None = None


def save_contact_sheet(dataset: SliceDataset, path: Path) -> None:
    """Draw slices of every split and class as a PNG file.

    One row a split and class, of slices drawn at random (always the same ones) in the first scored
    modality, with the lesion's outline where it is known; below, an unhealthy slice in all
    modalities. The patient's right is on the left.

    Parameters
    ----------
    dataset : SliceDataset
        What to draw.
    path : Path
        The PNG file.
    """
    selections = [dataset.select(split) for split in _SPLITS if split in dataset.splits]
    rows = [
        (_row_name(selection, label), _class_tiles(selection, label))
        for selection in selections
        for label in _CLASSES
        if (selection.labels == label).any()
    ]
    if len(dataset.modalities) > 1:
        rows.append(("all\nmodalities", _modality_tiles(selections[0])))
    width, height = _MARGIN + COLUMNS * _ACROSS, 0.4 + len(rows) * _DOWN
    figure = Figure(figsize=(width * _INCHES, height * _INCHES), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0), frame_on=False)
    axes.set_axis_off()
    title = f"{len(dataset)} slices of {len(dataset.subjects)} subjects in {dataset.scored[0]}"
    axes.text(0.1, 0.15, f"{title} (yellow line: lesion; the patient's right is at the left)",
              fontsize=11, va="center")  # fmt: skip
    for number, (name, tiles) in enumerate(rows):
        top = 0.6 + number * _DOWN
        axes.text(_MARGIN - 0.08, top + 0.5, name, fontsize=9, ha="right", va="center")
        for column, tile in enumerate(tiles[:COLUMNS]):
            _draw(axes, tile, _MARGIN + column * _ACROSS, top)
    figure.savefig(path, format="png")


def _row_name(selection: SliceSelection, label: int) -> str:
    count = int((selection.labels == label).sum())
    return f"{selection.split}\n{_CLASSES[label]}\n{count} slice{'' if count == 1 else 's'}"


def _class_tiles(selection: SliceSelection, label: int) -> list[_Tile]:
    dataset, chosen = selection.dataset, _some(selection, label)
    channel = dataset.modalities.index(dataset.scored[0])
    places = selection.positions[chosen]
    images = dataset.read("images", places)[:, channel].astype(np.float32)
    truth = dataset.read("truth", places) if dataset.has_truth else [None] * len(places)
    return [
        _Tile(image, _caption(selection, index), mask)
        for image, mask, index in zip(images, truth, chosen.tolist(), strict=True)
    ]


def _modality_tiles(selection: SliceSelection) -> list[_Tile]:
    dataset = selection.dataset
    chosen = _some(selection, 1 if (selection.labels == 1).any() else 0)[:1]
    channels = dataset.read("images", selection.positions[chosen])[0].astype(np.float32)
    return [
        _Tile(image, modality) for image, modality in zip(channels, dataset.modalities, strict=True)
    ]


def _some(selection: SliceSelection, label: int) -> NDArray[np.intp]:
    """Up to COLUMNS slices of a class, from as many subjects as possible, ascending."""
    members = np.flatnonzero(selection.labels == label)
    shuffled = np.random.default_rng(_SEED).permutation(members)
    _, first = np.unique(selection.subject[shuffled], return_index=True)
    one_each = shuffled[np.sort(first)]
    others = shuffled[~np.isin(shuffled, one_each)]
    return np.sort(np.concatenate([one_each, others])[:COLUMNS])


def _caption(selection: SliceSelection, index: int) -> str:
    subject = selection.dataset.subjects[selection.subject[index]]
    return f"{subject[-24:]}\nslice {selection.slice_ids[index]}"


def _draw(axes: Axes, tile: _Tile, left: float, top: float) -> None:
    extent: Any = (left, left + 1, top + 1, top)
    axes.imshow(tile.image, cmap="gray", vmin=-1, vmax=1, extent=extent, aspect="auto")
    axes.text(left, top - 0.02, tile.caption, fontsize=6, va="bottom")
    if tile.truth is not None and tile.truth.any():
        centres = (np.arange(len(tile.truth)) + 0.5) / len(tile.truth)
        axes.contour(
            left + centres, top + centres, tile.truth, levels=[0.5], colors=[_TRUTH], linewidths=0.8
        )
