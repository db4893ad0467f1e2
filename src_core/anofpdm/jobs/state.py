"""The state of a job: as the job reported it, or failed if its process ended without a report."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import JobError
from anofpdm.jobs.log import last_line
from anofpdm.jobs.places import REQUEST
from anofpdm.jobs.process import read_mark

STATE: Final = "state.json"
Status = Literal["queued", "running", "done", "failed", "stopped"]

_START_SECONDS = 120.0  # a process that has not spoken by then never began


@dataclass(frozen=True)
class JobState:
    """A job's state.

    Attributes
    ----------
    status : {"queued", "running", "done", "failed", "stopped"}
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
        When it is damaged.
    """
    path = folder / STATE
    try:
        state = JobState(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        # Killed between the making of the folder and the first word.
        return JobState("queued", since=_changed(folder / REQUEST))
    except (OSError, ValueError, TypeError) as error:
        raise JobError(f"{path} is damaged; resume the job, or remove it.") from error
    if state.status not in get_args(Status):
        raise JobError(f"{path} is damaged; resume the job, or remove it.")
    return state


def state_of(folder: Path) -> JobState:
    """Return a job's true state: one whose process is gone without a word has failed."""
    try:
        state = written_state(folder)
    except JobError as error:
        return JobState("failed", str(error), _changed(folder / STATE))
    if not state.live:
        return state
    mark = read_mark(folder)
    lives = time.time() - state.since < _START_SECONDS if mark is None else mark.alive
    if lives:
        return state
    # The last word may have been written since it was read.
    latest = written_state(folder)
    return latest if latest != state else _died(folder, state)


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
