"""The picture of a comparison: both scans with their masks on the slices that changed most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from anofpdm.results.figures import (
    NOTICE,
    displayed,
    draw_contour,
    draw_sides,
    grey_window,
    head_box,
)
from anofpdm.results.follow_up.matching import LesionChanges
from anofpdm.results.follow_up.states import STATE_COLOURS, STATES
from anofpdm.results.pictures.choosing import most_marked
from anofpdm.scans.orientation import Orientation

COLUMNS = 5
_WARNING = "#D55E00"


def save_change_picture(
    path: Path,
    scans: tuple[NDArray[Any], NDArray[Any]],
    masks: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    changes: LesionChanges,
    affine: NDArray[np.float64],
    names: tuple[str, str],
    warnings: Sequence[str] = (),
) -> None:
    """Draw the baseline above, the follow-up below, each with its mask, as a PNG file.

    Slices are seen from the feet (the patient's right is on the left). The colour of an outline
    tells the state of the lesion.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    scans, masks : tuple of two ndarrays, shape (i, j, k)
        Of the baseline and of the follow-up, on the baseline's voxels.
    changes : LesionChanges
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    names : tuple of str
        Names of the two scans.
    warnings : sequence of str
        What may spoil the comparison, a sentence each.
    """
    turn = Orientation.of_affine(affine).to_canonical
    turned = [np.nan_to_num(turn(scan)) for scan in scans]
    marked = [turn(mask).astype(bool) for mask in masks]
    groups = turn(changes.labels)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[list(Orientation.of_affine(affine).axes)]
    slices = most_marked(((marked[0] ^ marked[1]) & (groups > 0)).sum(axis=(0, 1)), COLUMNS)
    box = head_box(np.maximum(*(scan / grey_window(scan)[1] for scan in turned)))
    lines = [line for text in warnings for line in wrap(f"Warning: {text}", 150)]
    head = 0.9 + 0.24 * len(lines)
    figure = Figure(figsize=(14, 7.2 + head), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    height = 7.2 + head
    counts = ", ".join(f"{changes.count(state)} {state}" for state in STATES)
    figure.text(0.02, 1 - 0.15 / height, f"Lesions: {counts}", fontsize=15, weight="bold", va="top")
    figure.text(0.98, 1 - 0.15 / height, NOTICE, fontsize=12, va="top", ha="right", color=_WARNING)
    for number, line in enumerate(lines):
        y = 1 - (0.55 + 0.24 * number) / height
        figure.text(0.02, y, line, fontsize=11, va="top", color=_WARNING)
    axes = figure.subplots(
        2,
        COLUMNS,
        squeeze=False,
        gridspec_kw={
            "left": 0.04,
            "right": 0.99,
            "bottom": 0.4 / height,
            "top": 1 - head / height,
            "wspace": 0.03,
            "hspace": 0.03,
        },
    )
    for row, (scan, mask) in enumerate(zip(turned, marked, strict=True)):
        low, high = grey_window(scan)
        label = f"{('Baseline', 'Follow-up')[row]}: {names[row]}"
        middle = (0.75 - 0.5 * row) * (1 - (head + 0.4) / height) + 0.4 / height
        figure.text(0.012, middle, label, rotation=90, va="center", fontsize=11)
        for column in range(COLUMNS):
            panel = axes[row, column]
            panel.set_axis_off()
            if column >= len(slices):
                continue
            index = int(slices[column])
            panel.imshow(
                displayed(scan, index)[box],
                cmap="gray",
                vmin=low,
                vmax=high,
                aspect=spacing[1] / spacing[0],
                interpolation="nearest",
            )
            if row == 0:
                panel.set_title(f"slice {index}", fontsize=11, pad=3)
            for state in STATES:
                numbers = [each.number for each in changes.table if each.state == state]
                part = displayed(mask & np.isin(groups, numbers), index)[box]
                draw_contour(panel, part, STATE_COLOURS[state])
            draw_sides(panel)
    figure.legend(
        handles=[Line2D([], [], color=STATE_COLOURS[state], lw=3, label=state) for state in STATES],
        loc="lower center",
        ncols=len(STATES),
        fontsize=11,
        frameon=False,
        labelcolor="black",
    )
    figure.savefig(path, format="png")
