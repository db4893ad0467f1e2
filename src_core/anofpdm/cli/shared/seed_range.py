"""Ranges of phantoms' seeds on the command line."""

from __future__ import annotations

import re

from anofpdm.common.errors import SettingsError


def seed_range(text: str, option: str) -> range:
    """Read the value FIRST:END of an option.

    Raises
    ------
    SettingsError
        When `text` is not two non-negative integers, the second larger than the first.
    """
    match = re.fullmatch(r"(\d{1,18}):(\d{1,18})", text)
    if match is None or int(match[1]) >= int(match[2]):
        raise SettingsError(f"{option} {text} is not a range; write FIRST:END, such as 0:440.")
    return range(int(match[1]), int(match[2]))
