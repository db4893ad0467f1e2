"""What a person sees: progress and warnings on stderr, the outcome on stdout."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

_SECONDS_BETWEEN_LINES = 15.0


class Stage(Protocol):
    """What the long stages report (`anofpdm.engine.Progress`)."""

    @property
    def stage(self) -> str:
        """Name of the stage, in words."""

    @property
    def done(self) -> int:
        """Steps done."""

    @property
    def total(self) -> int:
        """Steps in all."""

    @property
    def slices_total(self) -> int:
        """Slices in all; 0 where slices are not what is counted."""


class Console:
    """The two output streams of one command.

    Parameters
    ----------
    as_json : bool
        `finish` prints one JSON object instead of the readable summary.
    quiet : bool
        No progress and no summary.
    debug : bool
        Log records of every level, not just warnings, go to stderr.

    Attributes
    ----------
    warnings : list of str
        What the user was warned of so far.
    """

    def __init__(self, *, as_json: bool, quiet: bool, debug: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.warnings: list[str] = []
        self.out = RichConsole(soft_wrap=True, highlight=False)
        self.err = RichConsole(stderr=True, soft_wrap=True, highlight=False)
        log = logging.getLogger("anofpdm")
        log.handlers = [_Handler(self)]
        log.setLevel(logging.DEBUG if debug else logging.WARNING)

    def warn(self, message: str) -> None:
        """Print one warning on stderr, and remember it for the report."""
        self.warnings.append(message)
        self.err.print(f"Warning: {message}", style="yellow", markup=False)

    def note(self, message: str) -> None:
        """Say on stderr what is about to happen, unless quiet."""
        if not self.quiet:
            self.err.print(message, markup=False)

    def finish(self, payload: Mapping[str, Any], summary: RenderableType) -> None:
        """Print the outcome on stdout, as JSON when asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(payload, allow_nan=False) + "\n")
        elif not self.quiet:
            self.out.print(summary)

    @contextmanager
    def progress(self) -> Iterator[Callable[[Stage], None]]:
        """Yield the callback that long stages report to."""
        if self.quiet:
            yield lambda stage: None
        elif self.err.is_terminal:
            with _bar(self.err) as bar:
                yield _BarReporter(bar)
        else:
            yield _LineReporter(self.err)


class _Handler(logging.Handler):
    """Bring the library's log records to the console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self._console.warn(record.getMessage())
        else:
            self._console.err.print(f"{record.name}: {record.getMessage()}", markup=False)


def _bar(console: RichConsole) -> RichProgress:
    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
    )


class _BarReporter:
    """One progress bar a stage."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._clock = _Clock()
        self._tasks: dict[str, Any] = {}

    def __call__(self, stage: Stage) -> None:
        if stage.stage not in self._tasks:
            self._tasks[stage.stage] = self._bar.add_task(stage.stage, total=stage.total, rate="")
        rate, _ = self._clock.read(stage)
        text = "" if rate is None else f"{rate:.2g} slices/s"
        self._bar.update(
            self._tasks[stage.stage], completed=stage.done, total=stage.total, rate=text
        )


class _LineReporter:
    """One line now and then, for a log file; the first only after a while."""

    def __init__(self, console: RichConsole) -> None:
        self._console = console
        self._clock = _Clock()
        self._last = time.monotonic()

    def __call__(self, stage: Stage) -> None:
        rate, left = self._clock.read(stage)
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        pace = "" if rate is None else f", {rate:.2g} slices/s"
        remaining = "" if left is None else f", {left:.0f} s left"
        self._console.print(
            f"{stage.stage}: step {stage.done} of {stage.total}{pace}{remaining}", markup=False
        )


class _Clock:
    """Slices a second and seconds left, since the first report of the present stage."""

    def __init__(self) -> None:
        self._name = ""
        self._started = 0.0
        self._first = 0

    def read(self, stage: Stage) -> tuple[float | None, float | None]:
        now = time.monotonic()
        if stage.stage != self._name:
            self._name, self._started, self._first = stage.stage, now, stage.done
            return None, None
        steps, elapsed = stage.done - self._first, now - self._started
        if steps <= 0 or elapsed <= 0:
            return None, None
        left = elapsed * (stage.total - stage.done) / steps
        if not stage.slices_total or not stage.total:
            return None, left
        return stage.slices_total * steps / stage.total / elapsed, left
