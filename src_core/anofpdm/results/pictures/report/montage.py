"""The slices of the report: above the scan alone, below it with map and mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anofpdm.results.pictures.choosing import figure_slices
from anofpdm.results.pictures.colours import (
    MASK_COLOUR,
    TRUTH_COLOUR,
    grey_pixels,
    map_scale,
    with_map,
)
from anofpdm.results.pictures.levels import grey_window, map_top
from anofpdm.results.pictures.panel import blank_axes, panel_grid
from anofpdm.results.pictures.planes import displayed, head_box

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

    from anofpdm.method.interpretation import Interpretation
    from anofpdm.results.pictures.report.picture import Picture

COLUMNS = 6
_LEFT, _BOTTOM, _WIDTH, _HEIGHT = 0.01, 0.01, 0.895, 0.95
_ROWS, _GAPS = 4, (0.1, 0.03)


def draw_montage(
    area: SubFigure, size: tuple[float, float], picture: Picture, interpretation: Interpretation
) -> None:
    """Draw up to twelve slices in two double rows, with a bar of the map's colours.

    Parameters
    ----------
    area : SubFigure
    size : tuple of float
        Its width and height, in inches.
    picture : Picture
    interpretation : Interpretation
    """
    lesion = picture.mask.sum(axis=(0, 1))
    slice_ids = np.asarray(interpretation.slice_ids)
    positions = figure_slices(lesion[slice_ids], COLUMNS * _ROWS // 2)
    window = grey_window(picture.scan)
    # At least up to the threshold, so that values far below it do not look like a lesion.
    top = max(map_top(picture.anomaly_map), float(np.max(interpretation.threshold)))
    box = head_box(picture.scan, white=window[1])
    rows, columns = (part.stop - part.start for part in box)
    panels = panel_grid(
        blank_axes(area, (_LEFT, _BOTTOM, _WIDTH, _HEIGHT)),
        (size[0] * _WIDTH, size[1] * _HEIGHT),
        (_ROWS, COLUMNS),
        _GAPS,
        rows * picture.spacing[1] / (columns * picture.spacing[0]),
    )
    for place, position in enumerate(positions.tolist()):
        row, column = 2 * (place // COLUMNS), place % COLUMNS
        plain, overlay = panels[row][column], panels[row + 1][column]
        index = int(slice_ids[position])
        image = grey_pixels(displayed(picture.scan, index)[box], window)
        plain.show(image)
        overlay.show(with_map(image, displayed(picture.anomaly_map, index)[box], top))
        overlay.outline(displayed(picture.mask, index)[box], MASK_COLOUR)
        overlay.mark_sides()
        plain.title(_slice_label(index, position, interpretation))
        if picture.truth is not None:
            plain.outline(displayed(picture.truth, index)[box], TRUTH_COLOUR)
    room = area.add_axes((0.918, 0.25, 0.012, 0.45))
    bar = area.colorbar(map_scale(top), extend="max", cax=room)
    known = "" if picture.truth is None else "; yellow line: true lesion"
    polarity = interpretation.settings.polarity
    alone = "" if polarity == "both" else f", {polarity} alone"
    bar.set_label(f"anomaly map H{alone} (cyan line: mask{known})", fontsize=11)


def _slice_label(index: int, position: int, interpretation: Interpretation) -> str:
    verdict = "healthy" if interpretation.healthy[position] else "unhealthy"
    return f"slice {index}" + (f", {verdict}" if interpretation.settings.judges else "")
