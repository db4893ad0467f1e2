"""The words that pictures share."""

from __future__ import annotations

NOTICE = "Research use only - not a medical device"


def found_words(name: str, volume_ml: float, count: int) -> str:
    """Say in a line what was found."""
    start = f"{name}: " if name else ""  # a scan that comes from no file
    return f"{start}{volume_ml:.2f} ml in {count} lesion{'' if count == 1 else 's'}"
