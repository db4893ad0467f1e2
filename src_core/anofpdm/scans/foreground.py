"""The foreground of a scan, and percentiles of its intensity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Canonical = NDArray[np.float32]

# Interpolation leaves residues around an extracted brain, far below any tissue.
RESIDUE = 1e-3
# A floor above this fraction of the brightest tissue is tissue cut off by the field of view.
_LARGEST_FLOOR = 0.15


def cleaned(data: NDArray[np.generic]) -> Canonical:
    """Return voxels as float32, with NaN, infinities and negative values set to 0."""
    with np.errstate(over="ignore"):
        values = np.asarray(data).astype(np.float32)
    values[~np.isfinite(values)] = 0
    np.maximum(values, 0, out=values)
    return values


def foreground_of(values: Canonical) -> NDArray[np.bool_]:
    """Return the voxels above the background (docs/method.md#10-preprocessing).

    These are voxels above 0, except two kinds of floor. Interpolation residues: values up to 0.1 %
    of the 99th percentile of the positive voxels. A noisy or constant floor: if most voxels on the
    four lateral faces of the volume are positive and low, everything up to their median plus eight
    times the distance to their upper quartile.

    Parameters
    ----------
    values : ndarray, shape (x, y, z), float32
        Cleaned intensities along canonical axes.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
    """
    positive = values[values > 0]
    if positive.size == 0:
        return np.zeros(values.shape, dtype=bool)
    bright = float(np.percentile(positive, 99))
    floor = RESIDUE * bright
    faces = np.concatenate([values[[0, -1]].ravel(), values[:, [0, -1]].ravel()])
    median, upper = np.percentile(faces, [50, 75])
    noise = float(median + 8 * (upper - median))
    if median > 0 and noise < _LARGEST_FLOOR * bright:
        floor = max(floor, noise)
    return np.asarray(values > floor)


def foreground_percentile(
    values: Canonical, foreground: NDArray[np.bool_], percent: float
) -> float:
    """Return a percentile (0..100) of the foreground voxels, or 0 if there are none."""
    inside = values[foreground]
    return float(np.percentile(inside, percent)) if inside.size else 0.0


def robust_centre(foreground: NDArray[np.bool_], axis: int) -> float:
    """Centre, as a fractional index, of the foreground's extent along an axis.

    The extent runs between the first and last index that leave 0.5 % of the foreground outside,
    so a few stray voxels do not move it. Mirroring the volume mirrors the centre exactly.
    """
    others = tuple(k for k in range(foreground.ndim) if k != axis)
    counts = np.count_nonzero(foreground, axis=others)
    share = 0.005 * counts.sum()
    low = int(np.argmax(np.cumsum(counts) > share))
    high = len(counts) - 1 - int(np.argmax(np.cumsum(counts[::-1]) > share))
    return (low + high) / 2
