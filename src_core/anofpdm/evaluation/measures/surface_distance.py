"""Distances between the surfaces of two masks, in millimetres."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Mask = NDArray[np.bool_]


class SurfaceDistances(NamedTuple):
    """How far the surfaces of two masks lie apart.

    Attributes
    ----------
    hd95_mm : float
        The larger of the two 95th percentiles of the distances from one surface to the other.
    mean_mm : float
        Mean of the distances from both surfaces, each to the other.
    """

    hd95_mm: float
    mean_mm: float


def surface_distances(
    mask: Mask, truth: Mask, spacing: tuple[float, float, float]
) -> SurfaceDistances | None:
    """Measure the distances between the surfaces of a mask and of the truth.

    A surface is the centres of those voxels of a mask that have a face in common with a voxel
    outside it, or with the border of the array.

    Parameters
    ----------
    mask, truth : ndarray of bool, shape (i, j, k)
    spacing : tuple of float
        Voxel size in mm.

    Returns
    -------
    SurfaceDistances or None
        None where one of the masks is empty: no distance is defined.
    """
    if not mask.any() or not truth.any():
        return None
    one, other = surface_mm(mask, spacing), surface_mm(truth, spacing)
    there, _ = cKDTree(other).query(one)
    back, _ = cKDTree(one).query(other)
    hd95 = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return SurfaceDistances(hd95, float(np.concatenate([there, back]).mean()))


def surface_mm(mask: Mask, spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the centres of a mask's surface voxels in mm from the first voxel, (n, 3)."""
    box = ndimage.find_objects(mask.view(np.int8))[0]
    inside = np.ascontiguousarray(mask[box])
    surface = inside & ~ndimage.binary_erosion(inside)
    start = [side.start for side in box]
    return np.asarray((np.argwhere(surface) + start) * np.asarray(spacing), dtype=np.float64)
