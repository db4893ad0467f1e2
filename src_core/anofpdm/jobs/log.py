"""The log of a job: the output of its process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

LOG: Final = "log.txt"
_TAIL_BYTES = 64 * 1024


def log_tail(folder: Path, lines: int = 100) -> list[str]:
    """Return the last lines of a job's log, if any."""
    if not os.path.isfile(folder / LOG):  # noqa: PTH113 - false where the path is no name
        return []
    try:
        with (folder / LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]


def last_line(folder: Path) -> str:
    """Return the last line of a job's log that is not blank, or ""."""
    return next((line.strip() for line in reversed(log_tail(folder)) if line.strip()), "")


def is_stderr(path: Path) -> bool:
    """Whether this process's stderr already goes to a file."""
    try:
        return os.path.samestat(os.fstat(2), path.stat())
    except OSError:
        return False
