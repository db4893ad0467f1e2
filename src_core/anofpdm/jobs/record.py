"""The stretch of a process that is a job: held, queued, running, and its last word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from anofpdm.common.errors import AnofpdmError, Cancelled, JobError
from anofpdm.common.event_log import EventLog
from anofpdm.common.folder_lock import folder_lock
from anofpdm.jobs.log import check_written
from anofpdm.jobs.places import is_job
from anofpdm.jobs.process import own_mark, write_mark
from anofpdm.jobs.queue import turn
from anofpdm.jobs.request import JobRequest, create_job, read_request
from anofpdm.jobs.state import JobState, Status, write_state, written_state


@dataclass
class Attempt:
    """One running attempt of a job.

    Attributes
    ----------
    folder : Path
        The job's.
    status : {"done", "failed", "stopped"} or None
        How it ends, where that is not plain from how the body ends.
    message : str
        One sentence on it, or "".
    """

    folder: Path
    status: Status | None = None
    message: str = ""


@contextmanager
def recorded(
    folder: Path, request: JobRequest, on_wait: Callable[[int], None] = lambda ahead: None
) -> Iterator[Attempt]:
    """Let this process be a job: the body runs when its turn has come.

    Parameters
    ----------
    folder : Path
        The job's; it is made where it does not exist.
    request : JobRequest
        What the body does.
    on_wait : callable
        Told how many jobs are ahead in the queue, whenever that changes.

    Raises
    ------
    JobError
        When the folder holds another job, or one that is done, or its log lies elsewhere.
    OutputError
        When the folder cannot be written, or another process is at work on the job.
    """
    if not is_job(folder):
        create_job(folder, request)
    elif not request.is_same_work(read_request(folder)):
        raise JobError(f"{folder} contains another job; choose another name for this one.")
    check_written(folder)
    with folder_lock(folder, f"the job {folder}"):
        number = 1 + _attempts(folder)
        write_mark(folder, own_mark())
        events = EventLog(folder)
        attempt = Attempt(folder)

        def enter(status: Status, message: str = "") -> None:
            state = write_state(folder, JobState(status, message, attempts=number))
            events.write("state", status=status, message=message, attempt=number, time=state.since)

        def waiting(ahead: int) -> None:
            jobs = "one job" if ahead == 1 else f"{ahead} jobs"
            enter("queued", f"Waiting for {jobs} ahead in the queue.")
            on_wait(ahead)

        try:
            enter("queued")
            with turn(request.lane, waiting):
                enter("running")
                yield attempt
        except BaseException as error:
            if attempt.status is None:
                attempt.status, attempt.message = _end_of(error)
            raise
        finally:
            # On a full disk, report the error of the body.
            with suppress(AnofpdmError):
                enter(attempt.status or "done", attempt.message)


def _end_of(error: BaseException) -> tuple[Status, str]:
    if isinstance(error, (KeyboardInterrupt, Cancelled)):
        return "stopped", "Stopped; resume the job to continue."
    if isinstance(error, AnofpdmError):
        return "failed", str(error)
    return "failed", f"Internal error: {type(error).__name__}: {' '.join(str(error).split())}"


def _attempts(folder: Path) -> int:
    try:
        state = written_state(folder)
    except JobError:
        return 1
    if state.status == "done":
        raise JobError(f"The job {folder} is done; start a new one.")
    return state.attempts
