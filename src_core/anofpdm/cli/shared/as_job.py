"""Commands that can run as jobs: with `--job` they queue and record their state."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, cast

import typer

from anofpdm.cli.shared.exit_codes import IN_PART, OK, STOPPED, USER_ERROR
from anofpdm.common.errors import AnofpdmError
from anofpdm.common.processes.worker_processes import LEADER, is_first_process

if TYPE_CHECKING:
    from anofpdm.jobs.state import Status

Given = ParamSpec("Given")

_ENDS: dict[int, tuple[Status, str]] = {
    OK: ("done", ""),
    IN_PART: ("done", "Some inputs were skipped; the log names them."),
    STOPPED: ("stopped", "Stopped; resume the job to continue."),
}


def as_job(command: Callable[Given, None]) -> Callable[Given, None]:
    """Wrap a command with the parameters `context` and `job` so that it can run as a job.

    Without `--job`, or with `--dry-run`, the command runs directly. Of the processes that torchrun
    starts, only the first is the job.
    """

    @functools.wraps(command)
    def run(*args: Given.args, **options: Given.kwargs) -> None:
        if LEADER in os.environ:
            return _as_one_of_several(lambda: command(*args, **options))
        name = cast("str | None", options.get("job"))
        if name is None or options.get("dry_run") or not is_first_process():
            return command(*args, **options)
        from anofpdm.jobs.places import job_folder
        from anofpdm.jobs.record import recorded
        from anofpdm.jobs.request import JobRequest

        request = JobRequest.of(cast("typer.Context", options["context"]).obj)
        with recorded(job_folder(name), request, _say_wait) as attempt:
            try:
                command(*args, **options)
            except typer.Exit as end:
                attempt.status, attempt.message = _ENDS.get(end.exit_code, ("failed", ""))
                raise
        return None

    return run


def _as_one_of_several(command: Callable[[], None]) -> None:
    """Run a command in a worker; if it is a job, the parent process holds the job."""
    from anofpdm.training.run.several import follow, tell_outcome

    follow()
    try:
        command()
    except typer.Exit as end:
        tell_outcome(end.exit_code)
        # Every process ends this way; torchrun must not report it as a failure.
        raise typer.Exit(OK) from end
    except AnofpdmError as error:
        tell_outcome(USER_ERROR, str(error))
        raise typer.Exit(USER_ERROR) from error
    tell_outcome(OK)


def has_begun(job: str | None) -> bool:
    """Whether a job has saved progress from which it must continue."""
    if job is None:
        return False
    from anofpdm.jobs.places import job_folder
    from anofpdm.jobs.watch import has_progress

    return has_progress(job_folder(job))


def run_job(folder: Path, root: Callable[..., object]) -> None:
    """Run a job in this process, and exit with its code.

    Parameters
    ----------
    folder : Path
        The job's.
    root : callable
        The root command's `main`, which runs the job's command.

    Raises
    ------
    JobError
        When the folder contains no job, or the job's working folder no longer exists.
    """
    from anofpdm.common.errors import JobError
    from anofpdm.jobs.request import read_request

    request = read_request(folder)
    try:
        os.chdir(request.cwd)
    except OSError as error:
        raise JobError(
            f"The working folder {request.cwd} of job {folder.name} cannot be opened "
            f"({error.strerror}); restore it, or start a new job."
        ) from error
    root([*request.arguments, "--job", str(folder)], prog_name="anofpdm")


def _say_wait(ahead: int) -> None:
    jobs = "one job" if ahead == 1 else f"{ahead} jobs"
    typer.echo(f"Waiting for {jobs} ahead in the queue.", err=True)
