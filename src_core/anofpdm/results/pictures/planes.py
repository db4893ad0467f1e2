"""Planes through a volume as images: which side lies where, and where the head is."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anofpdm.results.pictures.levels import grey_window

Plane = Literal["axial", "coronal", "sagittal"]
AXIS_ACROSS: dict[Plane, int] = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The canonical axis across the slices of each plane; slices are counted toward R, A or S."""


class Sides(NamedTuple):
    """The letter of the patient's side at each edge of a picture."""

    left: str
    right: str
    top: str
    bottom: str


SIDES: dict[Plane, Sides] = {
    "axial": Sides("R", "L", "A", "P"),
    "coronal": Sides("R", "L", "S", "I"),
    "sagittal": Sides("A", "P", "S", "I"),
}


def displayed(volume: NDArray[Any], index: int, plane: Plane = "axial") -> NDArray[Any]:
    """Slice `index` of a canonical volume as an image.

    Axial slices are seen from the feet, coronal ones from the front: the patient's right is on the
    left. Sagittal ones are seen from the patient's left: the face looks to the left.
    """
    # A view: `take` would copy a whole volume that is not stored along these axes.
    flat = volume[(slice(None),) * AXIS_ACROSS[plane] + (index,)]
    image: NDArray[Any] = flat[::-1, ::-1].T
    return image


def head_box(
    scan: NDArray[Any], plane: Plane = "axial", white: float | None = None
) -> tuple[slice, slice]:
    """Rows and columns of the displayed image that hold the head, with a small margin.

    Parameters
    ----------
    scan : ndarray, shape (i, j, k)
    plane : {"axial", "coronal", "sagittal"}
    white : float, optional
        Upper end of the scan's window, where it is known.
    """
    filled = np.nan_to_num(scan) > 0.05 * (grey_window(scan)[1] if white is None else white)
    shadow = displayed(filled.any(axis=AXIS_ACROSS[plane], keepdims=True), 0, plane)
    ranges = []
    for axis in (1, 0):
        used = np.flatnonzero(shadow.any(axis=axis))
        size = shadow.shape[1 - axis]
        low, high = (int(used[0]), int(used[-1])) if used.size else (0, size - 1)
        margin = max(1, (high - low) // 20)
        ranges.append(slice(max(0, low - margin), min(size, high + margin + 1)))
    return ranges[0], ranges[1]
