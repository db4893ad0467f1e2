"""The console: progress and warnings on stderr, the outcome on stdout."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.common.processes.worker_processes import is_first_process
from anofpdm.common.quantities import duration_in_words
from anofpdm.jobs.progress import JobProgress

if TYPE_CHECKING:
    from anofpdm.common.cost import Cost
    from anofpdm.jobs.notes import JobNotes

_SECONDS_BETWEEN_LINES = 15.0


class Console:
    """The two output streams of one command.

    Parameters
    ----------
    as_json : bool
        `finish` prints one JSON object instead of the readable summary.
    quiet : bool
        No progress and no summary.
    debug : bool
        Log records of every level go to stderr.
    job : str, optional
        Name or folder of the job that this command runs as. It also receives progress, messages
        and the outcome.

    Attributes
    ----------
    warnings : list of str
        The warnings printed so far.
    """

    def __init__(self, *, as_json: bool, quiet: bool, debug: bool, job: str | None = None) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.warnings: list[str] = []
        self._notes = _notes_of(job)
        # No markup: a path or a message may hold brackets.
        plain: dict[str, Any] = {"soft_wrap": True, "highlight": False, "markup": False}
        self.out = RichConsole(**plain, emoji=False)
        self.err = RichConsole(**plain, emoji=False, stderr=True)
        log = logging.getLogger("anofpdm")
        log.handlers = [_Handler(self)]
        log.setLevel(logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO)

    def warn(self, message: str) -> None:
        """Print a warning on stderr and keep it for the report."""
        self.warnings.append(message)
        self.err.print(f"Warning: {message}", style="yellow")
        self._copy(f"Warning: {message}")

    def note(self, message: str) -> None:
        """Print a message on stderr, unless quiet."""
        if not self.quiet:
            self.err.print(message)
        self._copy(message)

    def finish(self, payload: Mapping[str, Any], summary: RenderableType) -> None:
        """Print the outcome on stdout, as JSON if `as_json` is set."""
        if self._notes is not None:
            self._notes.result(payload)
        if self.as_json:
            sys.stdout.write(json.dumps(payload, allow_nan=False) + "\n")
        elif not self.quiet:
            self.out.print(summary)

    def finish_dry_run(self, cost: Cost) -> None:
        """Warn of what stands against the start, and print what it will take."""
        for problem in cost.problems:
            self.warn(problem)
        self.finish({"dry_run": True, **cost.payload}, cost.words)

    @contextmanager
    def progress(self) -> Iterator[Callable[[JobProgress], None]]:
        """Yield a progress callback: a bar on a terminal, otherwise a line now and then."""
        if self.quiet:
            yield self._noting(lambda tick: None)
        elif self.err.is_terminal:
            with _bar(self.err) as bar:
                yield self._noting(_BarReporter(bar))
        else:
            yield self._noting(_LineReporter(self.err))

    def _noting(self, show: Callable[[JobProgress], None]) -> Callable[[JobProgress], None]:
        notes = self._notes
        if notes is None:
            return show

        def show_and_note(report: JobProgress) -> None:
            show(report)
            notes.progress(report)

        return show_and_note

    def _copy(self, message: str) -> None:
        if self._notes is not None:
            self._notes.say(message)


@dataclass(frozen=True)
class _ConsoleOptions:
    as_json: opt.JsonOption = False
    quiet: opt.QuietOption = False
    debug: opt.DebugOption = False


def with_console(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `console`, the options that a `Console` follows."""
    return with_shared_options(
        command,
        "console",
        _ConsoleOptions,
        lambda options, given: _console(options, None, first=True),
    )


def with_job_console(command: Callable[..., None]) -> Callable[..., None]:
    """Do as `with_console` for a command that can run as a job; a dry run is none."""

    def console_of(options: _ConsoleOptions, given: Mapping[str, Any]) -> Console:
        # Only the first of torchrun's processes prints messages and notes the job's progress.
        return _console(
            options, None if given.get("dry_run") else given["job"], first=is_first_process()
        )

    return with_shared_options(command, "console", _ConsoleOptions, console_of)


def _console(options: _ConsoleOptions, job: str | None, *, first: bool) -> Console:
    return Console(
        as_json=options.as_json and first,
        quiet=options.quiet or not first,
        debug=options.debug,
        job=job if first else None,
    )


def _detail(report: JobProgress) -> str:
    left = report.seconds_left
    time_left = "" if left is None else f"{duration_in_words(left)} left"
    return ", ".join(filter(None, (report.detail, time_left)))


def _notes_of(job: str | None) -> JobNotes | None:
    if job is None:
        return None
    from anofpdm.jobs.notes import JobNotes
    from anofpdm.jobs.places import job_folder

    return JobNotes(job_folder(job))


class _Handler(logging.Handler):
    """Print the library's log records on the console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self._console.warn(record.getMessage())
        else:
            self._console.err.print(record.getMessage(), markup=False)


def _bar(console: RichConsole) -> RichProgress:
    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TextColumn("{task.fields[detail]}"),
        console=console,
    )


class _BarReporter:
    """One progress bar for each stage."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, report: JobProgress) -> None:
        if report.stage not in self._tasks:
            self._tasks[report.stage] = self._bar.add_task(
                report.stage, total=report.total, detail=""
            )
        task = self._tasks[report.stage]
        self._bar.update(task, completed=report.done, total=report.total, detail=_detail(report))


class _LineReporter:
    """One line every `_SECONDS_BETWEEN_LINES`, for log files."""

    def __init__(self, console: RichConsole) -> None:
        self._console = console
        self._last = time.monotonic()

    def __call__(self, report: JobProgress) -> None:
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        words = [f"{report.stage}: step {report.done} of {report.total}", _detail(report)]
        self._console.print(", ".join(filter(None, words)), markup=False)
