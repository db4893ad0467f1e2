"""How strongly an anomaly map marks a slice: the highest fixed threshold that marks a component."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anofpdm.postprocessing import median_filter, remove_small_components


def map_score(
    anomaly_map: NDArray[np.floating], *, median_kernel: int, min_component_pixels: int
) -> float:
    """Find the highest fixed threshold whose mask of a slice is not empty.

    The mask is that of an absolute threshold (METHOD 6, 8): the median-filtered map at or above
    it, without small components. It only grows as the threshold falls, so that "score >= v" says
    whether the threshold v calls the slice unhealthy.

    Parameters
    ----------
    anomaly_map : array
        The aggregated map of one slice, the mean over modalities, (H, W), >= 0.
    median_kernel, min_component_pixels : int
        As in `Settings`.

    Returns
    -------
    float
        A value of the filtered map, 0 where no threshold marks anything.
    """
    filtered = median_filter(anomaly_map, median_kernel)
    values = np.unique(filtered[filtered > 0])
    low, high = -1, len(values)  # at values[low] something is marked, at values[high] nothing
    while high - low > 1:
        middle = (low + high) // 2
        found = remove_small_components(filtered >= values[middle], min_component_pixels)
        low, high = (middle, high) if found.any() else (low, middle)
    return 0.0 if low < 0 else float(values[low])
