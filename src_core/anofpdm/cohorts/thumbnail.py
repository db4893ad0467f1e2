"""A small picture of a segmented scan: four slices with the mask's outline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from anofpdm.results.pictures.choosing import figure_slices
from anofpdm.results.pictures.levels import grey_window
from anofpdm.results.pictures.planes import displayed
from anofpdm.results.pictures.report.picture import picture_of

if TYPE_CHECKING:
    from anofpdm.segmentation.segment import Segmented

_SLICES, _HEIGHT = 4, 96
_RED = (255, 40, 40)


def save_thumbnail(path: Path, found: Segmented) -> None:
    """Draw four slices side by side, seen from the feet, as a JPEG of 96 pixels in height.

    Parameters
    ----------
    path : Path
    found : Segmented

    Raises
    ------
    OSError
        When it cannot be written.
    """
    picture = picture_of(found.analysis, found.native, found.report)
    scan, mask = picture.scan, picture.mask
    low, high = grey_window(scan)
    area = mask.sum(axis=(0, 1)).astype(float)
    if not area.any():
        area = (scan > 0).sum(axis=(0, 1)).astype(float)
    tiles = []
    for index in figure_slices(area, _SLICES):
        grey = displayed(scan, int(index)).astype(float)
        inside = displayed(mask, int(index)).astype(bool)
        levels = np.clip((grey - low) / max(high - low, 1e-9), 0, 1) * 255
        width = max(1, round(_HEIGHT * inside.shape[1] * picture.spacing[0]
                             / (inside.shape[0] * picture.spacing[1])))  # fmt: skip
        shown = Image.fromarray(levels.astype(np.uint8)).resize((width, _HEIGHT))
        large = Image.fromarray(inside.astype(np.uint8)).resize(
            (width, _HEIGHT), Image.Resampling.NEAREST
        )
        tile = np.repeat(np.asarray(shown)[..., None], 3, axis=2)
        marked = np.asarray(large).astype(bool)
        tile[marked & ~ndimage.binary_erosion(marked)] = _RED
        tiles.append(tile)
    Image.fromarray(np.concatenate(tiles, axis=1)).save(path, "JPEG", quality=80)
