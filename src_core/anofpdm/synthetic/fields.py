"""Smooth random fields on a regular grid, the raw material of every synthetic subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float32]
_OVERSAMPLING = 1.5  # coarse grid points a standard deviation: linear interpolation stays smooth


def smooth_noise(
    rng: np.random.Generator, shape: Sequence[int], spacing: Sequence[float], sigma_mm: float
) -> Field:
    """Gaussian random field of zero mean and unit variance.

    Parameters
    ----------
    rng : Generator
        Source of the white noise.
    shape : sequence of int
        Grid size, 3-D.
    spacing : sequence of float
        Grid spacing in mm.
    sigma_mm : float
        Standard deviation of the smoothing kernel in mm, > 0.

    Returns
    -------
    ndarray, float32, of `shape`
    """
    step = [max(s, sigma_mm / _OVERSAMPLING) for s in spacing]
    coarse_shape = [
        max(4, int(np.ceil((n - 1) * s / c)) + 2)
        for n, s, c in zip(shape, spacing, step, strict=True)
    ]
    coarse = rng.standard_normal(coarse_shape, dtype=np.float32)
    coarse = ndimage.gaussian_filter(coarse, [sigma_mm / c for c in step], mode="wrap")
    coarse -= coarse.mean()
    coarse /= coarse.std() + 1e-12
    for axis, (n, s, c) in enumerate(zip(shape, spacing, step, strict=True)):
        coarse = _interpolate_axis(coarse, axis, np.arange(n, dtype=np.float32) * (s / c))
    return np.ascontiguousarray(coarse, dtype=np.float32)


def _interpolate_axis(values: Field, axis: int, positions: NDArray[np.float32]) -> Field:
    """Linear interpolation along one axis at fractional `positions` of its grid."""
    low = np.clip(np.floor(positions).astype(int), 0, values.shape[axis] - 2)
    weight = (positions - low).astype(np.float32)
    weight = weight.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    below = np.take(values, low, axis=axis)
    above = np.take(values, low + 1, axis=axis)
    return np.asarray(below + weight * (above - below), dtype=np.float32)


def sigmoid(values: NDArray[np.floating[Any]]) -> Field:
    """Logistic function, safe for large arguments."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)), dtype=np.float32)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """One draw whose logarithm is uniform between those of `low` and `high`."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
