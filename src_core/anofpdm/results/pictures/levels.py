"""Which values of a scan and of a map have the first and the last colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def grey_window(scan: NDArray[Any]) -> tuple[float, float]:
    """Grey levels from 0 (or the minimum) to the 99.5th percentile of the foreground."""
    values = scan[np.isfinite(scan)]
    bright = values[values > 0]
    low = min(0.0, float(values.min())) if not bright.size else 0.0
    high = float(np.percentile(bright, 99.5)) if bright.size else low + 1.0
    return low, high


def map_top(anomaly_map: NDArray[np.float32]) -> float:
    """Value of the map with the last colour: the 99.8th percentile of what is above 0."""
    positive = anomaly_map[anomaly_map > 0]
    return float(np.percentile(positive, 99.8)) if positive.size else 1.0
