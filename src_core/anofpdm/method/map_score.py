"""Score of a slice's anomaly map: the highest fixed threshold that still marks a component."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anofpdm.method.postprocessing import median_filter, remove_small_components
from anofpdm.method.settings import AbsoluteThreshold
from anofpdm.method.thresholds import thresholded


def map_score(
    anomaly_map: NDArray[np.floating],
    *,
    extent: float = 1.0,
    median_kernel: int,
    min_component_pixels: int,
) -> float:
    """Find the highest fixed threshold whose mask of a slice is not empty.

    The mask applies an absolute threshold to the median-filtered map and removes small components.
    It only grows as the threshold falls, so "score >= v" tells whether threshold v makes the slice
    unhealthy. See docs/method.md#122-fixed-threshold-with-extent.

    Parameters
    ----------
    anomaly_map : array
        The aggregated map of one slice, the mean over modalities, (H, W), >= 0.
    extent : float
        As in `AbsoluteThreshold`.
    median_kernel, min_component_pixels : int
        As in `Settings`.

    Returns
    -------
    float
        Exact up to rounding; 0 if no threshold marks anything.
    """
    filtered = median_filter(anomaly_map, median_kernel)
    everywhere = np.ones(filtered.shape, dtype=bool)
    reached = filtered[filtered > 0].astype(np.float64)
    # Thresholds at which a spot appears, or at which its extent gains a pixel.
    values = np.unique(np.concatenate([reached, reached / extent]))

    def marks(value: float) -> bool:
        rule = AbsoluteThreshold(value=value, extent=extent)
        found = thresholded(filtered, everywhere, rule, value)
        return bool(remove_small_components(found, min_component_pixels).any())

    low, high = -1, len(values)  # at values[low] something is marked, at values[high] nothing
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if marks(float(values[middle])) else (low, middle)
    return 0.0 if low < 0 else float(values[low])
