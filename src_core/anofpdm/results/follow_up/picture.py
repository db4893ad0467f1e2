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

from anofpdm.results.follow_up.matching import LesionChanges
from anofpdm.results.follow_up.states import STATE_COLOURS, STATES
from anofpdm.results.pictures.choosing import most_marked
from anofpdm.results.pictures.colours import WARNING_COLOUR, grey_pixels
from anofpdm.results.pictures.levels import grey_window
from anofpdm.results.pictures.panel import blank_axes, panel_grid
from anofpdm.results.pictures.planes import displayed, head_box
from anofpdm.results.pictures.words import NOTICE
from anofpdm.scans.orientation import Orientation

COLUMNS = 5
_NOTE_COLOUR = "#333333"
_WIDTH, _PANEL_INCHES, _BELOW = 14.0, 6.8, 0.4


def save_change_picture(
    path: Path,
    scans: tuple[NDArray[Any], NDArray[Any]],
    masks: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    changes: LesionChanges,
    affine: NDArray[np.float64],
    names: tuple[str, str],
    warnings: Sequence[str] = (),
    note: str = "",
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
    note : str
        Whether the follow-up was interpolated, and what that means.
    """
    turn = Orientation.of_affine(affine).to_canonical
    turned = [np.nan_to_num(turn(scan)) for scan in scans]
    marked = [turn(mask).astype(bool) for mask in masks]
    groups = turn(changes.labels)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[list(Orientation.of_affine(affine).axes)]
    slices = most_marked(((marked[0] ^ marked[1]) & (groups > 0)).sum(axis=(0, 1)), COLUMNS)
    box = head_box(np.maximum(*(scan / grey_window(scan)[1] for scan in turned)))
    lines = [
        *((line, _NOTE_COLOUR) for line in wrap(note, 150)),
        *((line, WARNING_COLOUR) for text in warnings for line in wrap(f"Warning: {text}", 150)),
    ]
    head = 0.9 + 0.24 * len(lines)
    height = _PANEL_INCHES + _BELOW + head
    figure = Figure(figsize=(_WIDTH, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    # No equations: a file's name may hold a dollar sign.
    plain: dict[str, Any] = {"va": "top", "parse_math": False}
    counts = ", ".join(f"{changes.count(state)} {state}" for state in STATES)
    y = 1 - 0.15 / height
    figure.text(0.02, y, f"Lesions: {counts}", fontsize=15, weight="bold", **plain)
    figure.text(0.98, y, NOTICE, fontsize=12, ha="right", color=WARNING_COLOUR, **plain)
    for number, (line, colour) in enumerate(lines):
        y = 1 - (0.55 + 0.24 * number) / height
        figure.text(0.02, y, line, fontsize=11, color=colour, **plain)
    for row, name in enumerate(names):
        label = f"{('Baseline', 'Follow-up')[row]}: {name}"
        y = ((0.75 - 0.5 * row) * _PANEL_INCHES + _BELOW) / height
        figure.text(0.012, y, label, rotation=90, fontsize=11, **plain | {"va": "center"})
    down, across = (part.stop - part.start for part in box)
    panels = panel_grid(
        blank_axes(figure, (0.04, _BELOW / height, 0.95, _PANEL_INCHES / height)),
        (0.95 * _WIDTH, _PANEL_INCHES),
        (2, COLUMNS),
        (0.03, 0.03),
        down * spacing[1] / (across * spacing[0]),
    )
    members = {
        state: [each.number for each in changes.table if each.state == state] for state in STATES
    }
    for row, (scan, mask) in enumerate(zip(turned, marked, strict=True)):
        window = grey_window(scan)
        for panel, index in zip(panels[row], slices.tolist(), strict=False):
            panel.show(grey_pixels(displayed(scan, index)[box], window))
            if row == 0:
                panel.title(f"slice {index}")
            inside, group = (displayed(each, index)[box] for each in (mask, groups))
            for state, numbers in members.items():
                panel.outline(inside & np.isin(group, numbers), STATE_COLOURS[state])
            panel.mark_sides()
    figure.legend(
        handles=[Line2D([], [], color=STATE_COLOURS[state], lw=3, label=state) for state in STATES],
        loc="lower center",
        ncols=len(STATES),
        fontsize=11,
        frameon=False,
        labelcolor="black",
    )
    figure.savefig(path, format="png")
