"""What a slice, or the network's condition, can be labelled (METHOD 2)."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = -1
"""A slice of which nobody says whether it is healthy; it trains as null and calibrates nothing."""
HEALTHY: Final = 0
UNHEALTHY: Final = 1
NULL: Final = 2
"""The network's condition without a label, for classifier-free guidance; no slice has it."""
