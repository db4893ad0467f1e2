"""Score of a slice's anomaly map: the highest fixed threshold that still marks a component."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anofpdm.method.postprocessing import component_limit, large_components, median_filter
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
    limit = component_limit(min_component_pixels, filtered.size)
    reached = filtered[filtered > 0].astype(np.float64)
    # Thresholds at which a spot appears, or at which its extent gains a pixel; the highest first.
    values = np.sort(reached if extent == 1 else np.concatenate([reached, reached / extent]))[::-1]

    def marks(value: float) -> bool:
        inside = _bounding_box(filtered >= extent * value)
        spots = filtered[inside]
        rule = AbsoluteThreshold(value=value, extent=extent)
        found = thresholded(spots, np.ones(spots.shape, dtype=bool), rule, value)
        return bool(large_components(found, limit).any())

    # From above, because a high threshold marks few pixels, which are quickly looked at.
    nothing, some = -1, int(limit)
    while some < len(values) and not marks(float(values[some])):
        nothing, some = some, 2 * some + 1
    some = min(some, len(values))
    while some - nothing > 1:
        middle = (nothing + some) // 2
        nothing, some = (nothing, middle) if marks(float(values[middle])) else (middle, some)
    return float(values[some]) if some < len(values) else 0.0


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns that hold all pixels of a mask, which is not empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
