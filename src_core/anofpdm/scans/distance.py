"""Distance in mm between voxels, whatever their spacing and shear."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def within_distance(mask: Mask, affine: NDArray[np.float64], reach_mm: float) -> Mask:
    """Return the voxels that lie within a distance of a mask, from centre to centre.

    The ball is laid out with the affine itself, so spacing and shear are right. It is put together
    from runs along the last axis: a run is one cumulative sum, whatever its length.

    Parameters
    ----------
    mask : ndarray of bool, shape (i, j, k)
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    reach_mm : float
        0 gives the mask itself.

    Returns
    -------
    ndarray of bool, shape of the mask
    """
    out = np.zeros(mask.shape, dtype=bool)
    runs: dict[tuple[int, int], Mask] = {}
    for i, j, low, high in _ball(affine, reach_mm):
        if (low, high) not in runs:
            runs[low, high] = _spread(mask, low, high)
        _or_shifted(out, runs[low, high], (i, j))
    return out


def _ball(affine: NDArray[np.float64], reach_mm: float) -> Iterator[tuple[int, int, int, int]]:
    """Offsets within reach, as runs (i, j, lowest k, highest k)."""
    r = spanned_voxels(affine, reach_mm)
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in r), indexing="ij"), axis=-1)
    near = np.linalg.norm(grid @ affine[:3, :3].T, axis=-1) <= reach_mm + 1e-9
    for i, j in np.argwhere(near.any(axis=2)):
        ks = np.flatnonzero(near[i, j])
        yield int(i) - r[0], int(j) - r[1], int(ks[0]) - r[2], int(ks[-1]) - r[2]


def spanned_voxels(affine: NDArray[np.float64], reach_mm: float) -> tuple[int, int, int]:
    """Return the largest offset along each voxel axis that a distance in mm can span."""
    # Rows of the inverse: how fast an index can change per mm, shear included.
    per_mm = np.linalg.norm(np.linalg.inv(affine[:3, :3]), axis=1)
    i, j, k = (int(np.floor(n + 1e-9)) for n in reach_mm * per_mm)
    return i, j, k


def _spread(mask: Mask, low: int, high: int) -> Mask:
    """Mark k where the mask has a voxel from k - high to k - low along the last axis."""
    length = mask.shape[2]
    k = np.arange(length)
    first, end = np.clip(k - high, 0, length), np.clip(k - low + 1, 0, length)
    out = np.empty(mask.shape, dtype=bool)
    counts = np.zeros((mask.shape[1], length + 1), dtype=np.int32)
    for plane, marked in zip(out, mask, strict=True):  # the counts of all would take 12 bytes each
        np.cumsum(marked, axis=1, out=counts[:, 1:])
        np.greater(counts[:, end], counts[:, first], out=plane)
    return out


def _or_shifted(out: Mask, mask: Mask, offset: tuple[int, int]) -> None:
    sides = list(zip(offset, mask.shape, strict=False))
    source = tuple(slice(max(0, -o), max(0, n - max(0, o))) for o, n in sides)
    target = tuple(slice(max(0, o), max(0, n - max(0, -o))) for o, n in sides)
    out[target] |= mask[source]
