"""The state of a job: as the job reported it, or failed if its process ended without a report."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import JobError
from anofpdm.common.reading import reading
from anofpdm.jobs.log import last_line
from anofpdm.jobs.own_files import own_bytes
from anofpdm.jobs.process import read_mark

STATE: Final = "state.json"
Status = Literal["queued", "running", "done", "failed", "stopped", "damaged"]

_REMEDY = "resume the job, or remove it"
_MOST_BYTES = 1 << 20
_LATEST = 253402214400.0  # s since 1970: the last day that a date can name
_MOST_ATTEMPTS = 1 << 31


@dataclass(frozen=True)
class JobState:
    """A job's state.

    Attributes
    ----------
    status : {"queued", "running", "done", "failed", "stopped", "damaged"}
        The last one is never written: files of the job cannot be read.
    message : str
        One sentence on it, or "".
    since : float
        When it began, in seconds since 1970.
    attempts : int
        How often the job was started.
    """

    status: Status
    message: str = ""
    since: float = 0.0
    attempts: int = 0

    @property
    def live(self) -> bool:
        """Whether a process is running or queued for it."""
        return self.status in ("queued", "running")


def write_state(folder: Path, state: JobState) -> JobState:
    """Write a job's state, as of now.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    now = replace(state, since=time.time())
    with atomic_path(folder / STATE, overwrite=True) as pending:
        pending.write_text(json.dumps(asdict(now)) + "\n", encoding="utf-8")
    return now


def written_state(folder: Path) -> JobState:
    """Return the state that was last written, true or not.

    Raises
    ------
    JobError
        When it is missing or damaged.
    """
    path = folder / STATE
    with reading(path, JobError, _REMEDY):
        return _state(json.loads(own_bytes(path, _REMEDY, limit=_MOST_BYTES)))


def state_of(folder: Path) -> JobState:
    """Return a job's true state: one whose process is gone without a word has failed."""
    try:
        state = written_state(folder)
    except JobError as error:
        return damaged_state(folder, str(error))
    if not state.live or _lives(folder):
        return state
    try:
        # The last word may have been written since it was read.
        latest = written_state(folder)
    except JobError as error:
        return damaged_state(folder, str(error))
    return latest if latest != state else _died(folder, state)


def damaged_state(folder: Path, message: str) -> JobState:
    """Return the state of a job whose files cannot be read: running if its process is."""
    mark = read_mark(folder)
    lives = mark is not None and mark.here and mark.alive
    return JobState("running" if lives else "damaged", message, _changed(folder))


def _lives(folder: Path) -> bool:
    mark = read_mark(folder)
    return mark is not None and mark.alive


def _state(values: dict[str, Any]) -> JobState:
    state = JobState(**values)
    if type(state.status) is not str or state.status not in get_args(Status)[:-1]:
        raise ValueError(f"{state.status!r} is no state of a job")
    if type(state.message) is not str:
        raise TypeError("the message is no text")
    if type(state.since) not in (int, float) or not 0 <= state.since <= _LATEST:
        raise ValueError(f"{state.since!r} is no time")
    if type(state.attempts) is not int or not 0 <= state.attempts < _MOST_ATTEMPTS:
        raise ValueError(f"{state.attempts!r} is no number of attempts")
    return state


def _died(folder: Path, state: JobState) -> JobState:
    said = last_line(folder)
    last = f' The last line of its log: "{said}".' if said else ""
    message = f"The process ended without a message; resume the job to continue.{last}"
    return replace(state, status="failed", message=message)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
