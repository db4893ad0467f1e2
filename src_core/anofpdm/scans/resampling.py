"""Resampling along one axis as a matrix, so that a slice is resampled by two products."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def linear_matrix(
    length: int,
    positions: NDArray[np.float64],
    beyond: Literal["zero", "clamp", "half_pixel"],
) -> Matrix:
    """Weights of linear interpolation at fractional indices.

    Parameters
    ----------
    length : int
        Number of input samples, at indices 0..length - 1.
    positions : ndarray, shape (out,)
        Fractional input index of each output sample.
    beyond : {"zero", "clamp", "half_pixel"}
        What stands outside the samples: zeros, the nearest sample, or the nearest sample as far as
        the outer pixels reach (half a pixel) and zeros from there on.

    Returns
    -------
    ndarray, shape (out, length), float32
        Row o holds the weights of output o.
    """
    inside = (
        np.abs(positions - (length - 1) / 2) <= length / 2
        if beyond == "half_pixel"
        else np.ones(len(positions), dtype=bool)
    )
    if beyond != "zero":
        positions = np.clip(positions, 0, length - 1)
    distance = np.abs(np.arange(length) - positions[:, None])
    weights = np.maximum(0.0, 1.0 - distance) * inside[:, None]
    return np.asarray(weights, dtype=np.float32)


def antialias_matrix(length: int, positions: NDArray[np.float64], width: float) -> Matrix:
    """Weights of a triangle filter that keeps constants and ramps exact; zeros stand outside.

    A triangle sampled at integers is not centred exactly where it should be unless its width is an
    integer. Multiplying it by the linear factor that restores the moments 1 and 0 mends that.

    Parameters
    ----------
    length : int
        Number of input samples, at indices 0..length - 1.
    positions : ndarray, shape (out,)
        Fractional input index of each output sample.
    width : float
        Half the triangle's base in input samples, at least 1; 1 is linear interpolation.

    Returns
    -------
    ndarray, shape (out, length), float32
    """
    margin = int(np.ceil(width)) + 1
    low = min(0, int(np.floor(positions.min()))) - margin
    high = max(length - 1, int(np.ceil(positions.max()))) + margin
    offset = np.arange(low, high + 1) - positions[:, None]
    triangle = np.maximum(0.0, 1.0 - np.abs(offset) / width)
    m0, m1, m2 = (np.sum(triangle * offset**k, axis=1, keepdims=True) for k in range(3))
    # At width 1 on a sample m1 and m2 vanish together: the triangle is one single weight there.
    exact = m2 > 1e-12
    weights = np.where(
        exact,
        triangle * (m2 - m1 * offset) / np.where(exact, m0 * m2 - m1**2, 1.0),
        triangle / m0,
    )
    return np.asarray(weights[:, -low : -low + length], dtype=np.float32)
