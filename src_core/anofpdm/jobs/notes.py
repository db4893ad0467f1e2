"""The notes that a running command writes into its job's folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from anofpdm.common.atomic import atomic_path
from anofpdm.common.event_log import EventLog
from anofpdm.jobs.log import LOG, is_stderr
from anofpdm.jobs.progress import JobProgress

RESULT: Final = "result.json"
_SECONDS_BETWEEN = 1.0


class JobNotes:
    """Progress, messages and the outcome of a job.

    Parameters
    ----------
    folder : Path
        The job's.
    clock : callable
        Seconds, monotonic: progress goes on when the wall clock is set back.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._events = EventLog(folder)
        self._last: tuple[str, float] | None = None
        self._copies = not is_stderr(folder / LOG)

    def progress(self, report: JobProgress) -> None:
        """Note how far a stage has come: its first and last report, and one a second between.

        Reports that measure more than the one before are noted whenever they come.

        Raises
        ------
        OutputError
            When the disk is full or protected.
        """
        now = self._clock()
        rare = len(report.values) > 1 or len(report.by_guidance) > 0
        if not rare and report.done < report.total and self._last is not None:
            last_stage, last_time = self._last
            if report.stage == last_stage and now - last_time < _SECONDS_BETWEEN:
                return
        self._last = report.stage, now
        self._events.write("progress", **report.event, time=time.time())

    def say(self, message: str) -> None:
        """Copy a message into the log, unless stderr goes there already."""
        if self._copies:
            with (self._folder / LOG).open("a", encoding="utf-8") as log:
                log.write(message + "\n")

    def result(self, payload: Mapping[str, Any]) -> None:
        """Keep the outcome.

        Raises
        ------
        OutputError
            When it cannot be written.
        """
        with atomic_path(self._folder / RESULT, overwrite=True) as pending:
            pending.write_text(json.dumps(dict(payload), indent=2) + "\n", encoding="utf-8")
