"""The log of a job: the output of its process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from anofpdm.common.errors import JobError
from anofpdm.common.event_log import EVENTS
from anofpdm.common.reading import irregular
from anofpdm.jobs.own_files import is_own_file, leads_away

LOG: Final = "log.txt"
_TAIL_BYTES = 64 * 1024


def log_tail(folder: Path, lines: int = 100) -> list[str]:
    """Return the last lines of a job's log, if any."""
    if not is_own_file(folder / LOG):
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


def check_written(folder: Path) -> None:
    """Refuse a job whose log or events would be written into something else.

    Raises
    ------
    JobError
        When one of them is a link that leads out of the folder, a pipe or a device.
    """
    for path in (folder / LOG, folder / EVENTS):
        if (fault := irregular(path)) is not None:
            raise JobError(f"{fault.rstrip('.')}, or remove the job.")
        if leads_away(path):
            raise JobError(f"{path} is a link to a file outside of its job; remove the job.")
