"""What the tools have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from anofpdm.common.errors import SettingsError

Tool = Literal["deepbet", "hd-bet", "synthstrip"]
Skull = Literal["auto", "deepbet", "hd-bet", "synthstrip", "keep"]
"""What to do about a skull: `auto` extracts the brain where the scan looks unstripped."""

ShouldCancel = Callable[[], bool]


class ToolMissingError(SettingsError):
    """A tool for brain extraction is not installed."""
