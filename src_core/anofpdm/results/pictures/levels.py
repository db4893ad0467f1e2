"""Which values of a scan and of a map have the first and the last colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def grey_window(scan: NDArray[Any]) -> tuple[float, float]:
    """Grey levels from 0 (or the minimum) to the 99.5th percentile of the foreground."""
    bright = scan[scan > 0]
    if bright.dtype.kind == "f":
        bright = bright[np.isfinite(bright)]
    if bright.size:
        return 0.0, float(np.percentile(bright, 99.5, overwrite_input=True))
    low = min(0.0, float(scan[np.isfinite(scan)].min()))
    return low, low + 1.0


def map_top(anomaly_map: NDArray[np.float32]) -> float:
    """Value of the map with the last colour: the 99.8th percentile of what is above 0."""
    positive = anomaly_map[anomaly_map > 0]
    return float(np.percentile(positive, 99.8, overwrite_input=True)) if positive.size else 1.0
