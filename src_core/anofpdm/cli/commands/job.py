"""`anofpdm job list|show|start|run|stop|resume|remove`: run long commands in the background."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.common.quantities import duration_in_words

if TYPE_CHECKING:
    from anofpdm.jobs.watch import JobWatch

app = typer.Typer(
    help="Run prepare, train, select-guidance and segment-cohort as queued background jobs."
)

JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FOLDER",
        help="A name from `anofpdm job list`, or the folder of a job.",
        show_default=False,
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME|FOLDER",
        help="Name of the job, or the path of its new folder.",
        show_default="the command and the time",
    ),
]
CommandArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="COMMAND ...",
        help="prepare, train, select-guidance or segment-cohort, with its options.",
        show_default=False,
    ),
]
PatienceOption = Annotated[
    float,
    typer.Option(
        "--patience",
        min=0,
        metavar="SECONDS",
        help="Time for the job to save its state before it is killed.",
    ),
]
LinesOption = Annotated[
    int, typer.Option("--lines", min=0, help="Number of log lines to show, from the end.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Delete without asking.")]


@app.command("list")
@with_console
def list_(*, console: Console) -> None:
    """List all jobs: those in the job folder (set by ANOFPDM_JOBS) and those started elsewhere."""
    from anofpdm.jobs.places import job_folders
    from anofpdm.jobs.watch import JobWatch

    jobs = [JobWatch(folder) for folder in job_folders()]
    table = Table("name", "command", "state", "progress", "left", box=None, pad_edge=False)
    for job in jobs:
        left = job.seconds_left
        table.add_row(
            job.name,
            job.command or "-",
            job.state.status,
            "-" if job.fraction is None else f"{100 * job.fraction:.0f} %",
            "-" if left is None else duration_in_words(left),
        )
    console.finish({"jobs": [_payload(job) for job in jobs]}, table if jobs else "No jobs.")


@app.command()
@with_console
def show(
    job: JobArgument,
    lines: LinesOption = 10,
    *,
    console: Console,
) -> None:
    """Show a job's command, state, progress and the end of its log."""
    from anofpdm.jobs.log import log_tail
    from anofpdm.jobs.places import find_job
    from anofpdm.jobs.watch import JobWatch

    watch = JobWatch(find_job(job))
    state, progress = watch.state, watch.progress
    since = datetime.fromtimestamp(state.since, UTC).astimezone().isoformat(" ", "seconds")
    said = [
        f"{watch.name}: {state.status} since {since}",
        "" if watch.request is None else f"{watch.command_line} (in {watch.request.cwd})",
        state.message,
    ]
    if progress is not None:
        said.append(f"{progress.stage}: {progress.done} of {progress.total}, {progress.detail}")
    said += log_tail(watch.folder, lines) if lines else []
    console.finish(_payload(watch), "\n".join(line for line in said if line))


@app.command(context_settings={"ignore_unknown_options": True})
@with_console
def start(
    command: CommandArgument,
    name: NameOption = None,
    *,
    console: Console,
) -> None:
    """Start a command as a background job, which continues after you log out.

    Example: anofpdm job start --name first -- train model.toml --dataset slices.zarr --out run
    """
    from anofpdm.jobs.start import start_job

    folder = start_job(command, name)
    console.finish(
        {"name": folder.name, "folder": str(folder)},
        f"Started job {folder.name} in {folder}. Follow it with: anofpdm job show {folder.name}",
    )


@app.command()
def run(context: typer.Context, job: JobArgument, debug: opt.DebugOption = False) -> None:
    """Run a job in this terminal as soon as the jobs before it have ended."""
    from anofpdm.cli.shared.as_job import run_job
    from anofpdm.jobs.places import find_job

    run_job(find_job(job), context.find_root().command.main)


@app.command()
@with_console
def stop(
    job: JobArgument,
    patience: PatienceOption = 120.0,
    *,
    console: Console,
) -> None:
    """Stop a job and all its processes; training saves a checkpoint first."""
    from anofpdm.jobs.places import find_job
    from anofpdm.jobs.state import state_of
    from anofpdm.jobs.stop import Stop

    folder = find_job(job)
    Stop(folder, patience).wait()
    state = state_of(folder)
    console.finish(
        {"name": folder.name, "state": state.status, "message": state.message},
        f"The job {folder.name} is {state.status}. {state.message}",
    )


@app.command()
@with_console
def resume(
    job: JobArgument,
    *,
    console: Console,
) -> None:
    """Resume a failed or stopped job from its saved state."""
    from anofpdm.jobs.places import find_job
    from anofpdm.jobs.start import resume_job

    folder = find_job(job)
    resume_job(folder)
    console.finish({"name": folder.name, "folder": str(folder)}, f"Resumed job {folder.name}.")


@app.command()
@with_console
def remove(
    job: JobArgument,
    yes: YesOption = False,
    *,
    console: Console,
) -> None:
    """Delete a job's folder and the results in it; results elsewhere are kept."""
    from anofpdm.jobs.places import find_job
    from anofpdm.jobs.remove import remove_job

    folder = find_job(job)
    if not yes:
        typer.confirm(f"Delete {folder} and everything in it?", abort=True, err=True)
    remove_job(folder)
    console.finish({"removed": str(folder)}, f"Removed {folder}.")


def _payload(job: JobWatch) -> dict[str, Any]:
    progress, request = job.progress, job.request
    return {
        "name": job.name,
        "folder": str(job.folder),
        "arguments": [] if request is None else list(request.arguments),
        "cwd": None if request is None else str(request.cwd),
        "state": job.state.status,
        "message": job.state.message,
        "attempts": job.state.attempts,
        "stage": progress.stage if progress else None,
        "done": progress.done if progress else None,
        "total": progress.total if progress else None,
        "seconds_left": job.seconds_left,
        "bundle": _text(job.bundle),
        "result": job.result,
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
