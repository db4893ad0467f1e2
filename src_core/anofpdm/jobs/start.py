"""Start jobs as independent background processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import psutil

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import JobError, OutputError
from anofpdm.common.folder_lock import alone
from anofpdm.common.processes.child_environment import child_environment
from anofpdm.jobs.log import LOG, check_written
from anofpdm.jobs.places import job_folder, jobs_home
from anofpdm.jobs.process import PROCESS, ProcessMark, own_mark, write_mark
from anofpdm.jobs.request import JobRequest, create_job, read_request
from anofpdm.jobs.state import JobState, state_of, write_state

_STARTING = "starting.lock"
# On Windows: detached from the console, in a process group of its own.
_CREATION_FLAGS = 0x208 if sys.platform == "win32" else 0


class _Detached(subprocess.Popen[bytes]):
    """A process that may outlive this one and need not be awaited."""

    def __del__(self) -> None:
        """Keep silent, where `Popen` warns of a process that still runs."""


# Until they are waited for, ended children stay in the process table.
_children: list[_Detached] = []


def start_job(
    arguments: Sequence[str],
    name: str | Path | None = None,
    files: Mapping[str, str] | None = None,
) -> Path:
    """Make a job of a command and start it.

    Parameters
    ----------
    arguments : sequence of str
        What would follow `anofpdm` on the command line, such as "train", "model.toml", ...
    name : str or Path, optional
        A name, or the path of a folder to be made; one of command and time by default.
    files : mapping of str to str, optional
        Texts that are written into the folder first, by name: configurations that the arguments
        speak of.

    Returns
    -------
    Path
        The job's folder.

    Raises
    ------
    JobError
        When the command cannot be a job, or the name is taken.
    OutputError
        When the folder cannot be written.
    """
    request = JobRequest.of(tuple(arguments))
    folder = job_folder(name or proposed_job_name(request.command))
    create_job(folder, request)
    for file, text in (files or {}).items():
        with atomic_path(folder / file) as pending:
            pending.write_text(text, encoding="utf-8")
    _launch(folder, request, attempts=0)
    return folder


def resume_job(folder: Path) -> None:
    """Resume a failed or stopped job; training continues from its last checkpoint.

    Raises
    ------
    JobError
        When it is done, or a process is at work on it.
    """
    request = read_request(folder)
    with alone(folder / _STARTING):
        state = state_of(folder)
        if state.live:
            raise JobError(f"The job {folder.name} is already {state.status}.")
        if state.status == "done":
            raise JobError(f"The job {folder.name} is done; start a new one.")
        _launch(folder, request, state.attempts)


def proposed_job_name(command: str) -> str:
    """Return a name that no job has: the command and the time."""
    stem = f"{command}-{datetime.now():%Y-%m-%d-%H%M}"
    taken = {path.name for path in jobs_home().glob("*")}
    counted = (f"{stem}-{count}" for count in range(2, len(taken) + 3))
    return next(name for name in (stem, *counted) if name not in taken)


def reap() -> None:
    """Take note of jobs that this process started and that have ended."""
    _children[:] = [child for child in _children if child.poll() is None]


def _launch(folder: Path, request: JobRequest, attempts: int) -> None:
    reap()
    if not request.cwd.is_dir():
        raise JobError(
            f"The working folder {request.cwd} of job {folder.name} no longer exists; start a new "
            "job."
        )
    check_written(folder)
    # Until the new process has a mark of its own, the job lives as long as the one that starts it.
    write_mark(folder, own_mark())
    write_state(folder, JobState("queued", attempts=attempts))
    command = [sys.executable, "-m", "anofpdm.cli", "job", "run", str(folder)]
    try:
        with (folder / LOG).open("ab") as log:
            child = _Detached(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=request.cwd,
                env=child_environment(),
                start_new_session=True,
                creationflags=_CREATION_FLAGS,
            )
    except OSError as error:
        write_state(folder, JobState("failed", "Could not be started.", attempts=attempts))
        raise OutputError(
            f"The job in {folder} cannot be started ({error.strerror}); check the folder."
        ) from error
    _children.append(child)
    # The job notes the same as soon as it can; until then this shows whether it lives.
    try:
        write_mark(folder, ProcessMark.of(child.pid))
    except psutil.NoSuchProcess:
        (folder / PROCESS).unlink(missing_ok=True)
