"""What can become of a lesion between two time points, and the colour that shows it."""

from __future__ import annotations

from typing import Final, Literal

State = Literal["new", "gone", "grown", "shrunk", "unchanged"]
Parts = Literal["", "split", "merged", "split and merged"]
STATES: tuple[State, ...] = ("new", "gone", "grown", "shrunk", "unchanged")
STATE_COLOURS: Final[dict[State, str]] = {
    "new": "#FF6E40",
    "gone": "#FF80FF",
    "grown": "#F0E442",
    "shrunk": "#69F0AE",
    "unchanged": "#00E5FF",
}
"""Outlines in these colours stand out from a grey scan."""
