"""Labels of slices and conditions of the network (docs/method.md#2-network-and-training)."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = -1
"""A slice without a label. It is trained with the null label and not used for calibration."""
HEALTHY: Final = 0
UNHEALTHY: Final = 1
NULL: Final = 2
"""The network's condition without a label, for classifier-free guidance; not a slice label."""
