"""Progress of a job, read repeatedly from its folder."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from anofpdm.common.errors import JobError
from anofpdm.common.event_log import EVENTS
from anofpdm.common.reading import reading
from anofpdm.jobs.notes import RESULT
from anofpdm.jobs.own_files import is_own_file, own_bytes
from anofpdm.jobs.places import is_job
from anofpdm.jobs.progress import JobProgress
from anofpdm.jobs.request import JobRequest, read_request
from anofpdm.jobs.state import JobState, damaged_state, state_of

_BLOCK_BYTES = 1 << 24


class JobWatch:
    """An observer of a job; `update` reads new entries.

    Parameters
    ----------
    folder : Path
        The job's.

    Attributes
    ----------
    request : JobRequest or None
        None where it cannot be read; `state` is then "damaged" and says why.
    state : JobState
    curves : dict of str to list of (int, float)
        Step and value of what is measured on the way: "loss" and "held_out" of a training, its
        best "accuracy" on held-out slices; "baseline", the accuracy of one class for all slices.
    by_guidance : list of (float, float)
        Guidance and accuracy of each candidate of a guidance selection, on the slices that the
        present attempt has measured so far.

    Raises
    ------
    JobError
        When the folder holds no job.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not is_job(folder):
            raise JobError(f"{folder} contains no job; create one with anofpdm job start.")
        self.request: JobRequest | None = None
        self.state = JobState("damaged")
        self._progress: JobProgress | None = None
        self._attempt = 0
        self.curves: dict[str, list[tuple[int, float]]] = {}
        self.by_guidance: list[tuple[float, float]] = []
        self._offset = 0
        self.update()

    @property
    def progress(self) -> JobProgress | None:
        """The last report of the present attempt; None before its first."""
        # State and events are two files, and an attempt shows in the one before the other.
        return self._progress if self._attempt == self.state.attempts else None

    @property
    def name(self) -> str:
        """The job's name."""
        return self.folder.name

    def update(self) -> None:
        """Read the state and the events since the last call."""
        self.state = self._present_state()
        path = self.folder / EVENTS
        if not is_own_file(path):
            return
        with suppress(OSError), path.open("rb") as file:
            file.seek(self._offset)
            while text := file.read(_BLOCK_BYTES):
                end = text.rfind(b"\n") + 1
                if end == 0 and len(text) < _BLOCK_BYTES:
                    return  # half a line, which is still being written
                for line in text[:end].splitlines():
                    self._take(line)
                # No line is as long as a block.
                self._offset += end or len(text)
                file.seek(self._offset)

    def _present_state(self) -> JobState:
        if self.request is None:
            try:
                self.request = read_request(self.folder)
            except JobError as error:
                return damaged_state(self.folder, str(error))
        return state_of(self.folder)

    @property
    def command(self) -> str:
        """Name of the command; "" where the request cannot be read."""
        return "" if self.request is None else self.request.command

    @property
    def command_line(self) -> str:
        """The command line as text; "" where the request cannot be read."""
        return "" if self.request is None else f"anofpdm {' '.join(self.request.arguments)}"

    @property
    def fraction(self) -> float | None:
        """Share of the present stage that is done, 0..1; None before its first report."""
        if self.state.status == "done":
            return 1.0
        share = None if self.progress is None else self.progress.fraction
        return None if share is None else min(share, 1.0)

    @property
    def seconds_left(self) -> float | None:
        """Time until the present stage ends; None where that is unknown."""
        if self.state.status != "running" or self.progress is None:
            return None
        return self.progress.seconds_left

    @property
    def result(self) -> dict[str, Any] | None:
        """The command's final report (as with --json); None before the end."""
        path = self.folder / RESULT
        try:
            with reading(path, JobError):
                # What JSON does not know is left out: the result is written as JSON again.
                values = json.loads(
                    own_bytes(path), parse_constant=lambda _: None, parse_float=_finite
                )
        except JobError:
            return None
        return values if isinstance(values, dict) else None

    @property
    def bundle(self) -> Path | None:
        """The bundle that the job made, if it is there."""
        if self.request is None:
            return None
        key = {"train": "bundle", "select-guidance": "out"}.get(self.request.command)
        named = None if key is None else (self.result or {}).get(key)
        path = None if not isinstance(named, str) else self.request.cwd / named
        return path if path is not None and os.path.exists(path) else None  # noqa: PTH110

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            if event["event"] == "state":
                if int(event["attempt"]) != self._attempt:
                    self._attempt, self._progress = event["attempt"], None
                    self.by_guidance = []
            elif event["event"] == "progress":
                self._advance(event)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return  # half a line that a killed process left, or damage

    def _advance(self, event: dict[str, Any]) -> None:
        report = JobProgress.of_event(event)
        self._progress = report
        self.by_guidance = list(report.by_guidance) or self.by_guidance
        for name, value in report.values.items():
            curve = self.curves.setdefault(name, [])
            # After a crash, training goes back to its last checkpoint.
            while curve and curve[-1][0] >= report.done:
                curve.pop()
            curve.append((report.done, value))


def has_progress(folder: Path) -> bool:
    """Whether a job has ever reported progress."""
    path = folder / EVENTS
    if not is_own_file(path):
        return False
    try:
        with path.open("rb") as file:
            lines = iter(lambda: file.readline(_BLOCK_BYTES), b"")
            return any(b'"event": "progress"' in line for line in lines)
    except OSError:
        return False


def _finite(text: str) -> float | None:
    value = float(text)
    return value if isfinite(value) else None
