"""Smoothed intensity: the simplest anomaly map, which every model must beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.method.calibration import Polarity
from anofpdm.scans.foreground import cleaned

SMOOTHING_MM = (0.0, 1.0, 2.0)
"""Widths (sigma) of the Gaussians; 0 is the scan itself."""


def intensity_map(
    data: NDArray[np.generic],
    brain: NDArray[np.bool_],
    spacing: tuple[float, float, float],
    sigma_mm: float = 0.0,
    polarity: Polarity = "hyperintense",
) -> NDArray[np.float32]:
    """Return a scan, smoothed, as an anomaly map.

    Parameters
    ----------
    data : ndarray, shape (i, j, k)
        Intensities.
    brain : ndarray of bool, shape (i, j, k)
        Brain voxels.
    spacing : tuple of float
        Voxel size in mm.
    sigma_mm : float
        Standard deviation of the Gaussian; it is applied to the whole scan, background included.
    polarity : {"hyperintense", "hypointense", "both"}
        Which departures from the brain's median m count: bright voxels (the scan v itself), dark
        ones (2m - v, not below 0, and 0 outside the brain), or both (m + abs(v - m) in the brain,
        0 outside).

    Returns
    -------
    ndarray of float32, shape (i, j, k)
        In multiples of the brain's median; larger is more anomalous, 0 outside the brain.
    """
    values = cleaned(data)
    median = float(np.median(values[brain])) if brain.any() else 0.0
    if median <= 0:
        return np.zeros(values.shape, dtype=np.float32)
    if polarity == "hypointense":
        values = np.where(brain, np.maximum(2 * median - values, 0), 0).astype(np.float32)
    elif polarity == "both":
        values = np.where(brain, median + np.abs(values - median), 0).astype(np.float32)
    if sigma_mm > 0:
        values = ndimage.gaussian_filter(values, [sigma_mm / step for step in spacing])
    return np.where(brain, values / np.float32(median), 0).astype(np.float32)
