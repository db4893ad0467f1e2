"""Progress of a job, read repeatedly from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from anofpdm.common.event_log import EVENTS
from anofpdm.jobs.notes import RESULT
from anofpdm.jobs.progress import JobProgress
from anofpdm.jobs.request import JobRequest, read_request
from anofpdm.jobs.state import JobState, state_of


class JobWatch:
    """An observer of a job; `update` reads new entries.

    Parameters
    ----------
    folder : Path
        The job's.

    Attributes
    ----------
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
        self.request: JobRequest = read_request(folder)
        self.state: JobState = state_of(folder)
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
        self.state = state_of(self.folder)
        try:
            with (self.folder / EVENTS).open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except OSError:
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._take(line)

    @property
    def fraction(self) -> float | None:
        """Share of the present stage that is done, 0..1; None before its first report."""
        if self.state.status == "done":
            return 1.0
        return None if self.progress is None else self.progress.fraction

    @property
    def seconds_left(self) -> float | None:
        """Time until the present stage ends; None where that is unknown."""
        if self.state.status != "running" or self.progress is None:
            return None
        return self.progress.seconds_left

    @property
    def result(self) -> dict[str, Any] | None:
        """The command's final report (as with --json); None before the end."""
        try:
            values = json.loads((self.folder / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return values if isinstance(values, dict) else None

    @property
    def bundle(self) -> Path | None:
        """The bundle that the job made, if it is there."""
        key = {"train": "bundle", "select-guidance": "out"}.get(self.request.command)
        named = None if key is None else (self.result or {}).get(key)
        path = None if not isinstance(named, str) else self.request.cwd / named
        return path if path is not None and path.exists() else None

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            if event["event"] == "state":
                if event["attempt"] != self._attempt:
                    self._attempt, self._progress = event["attempt"], None
                    self.by_guidance = []
            elif event["event"] == "progress":
                self._advance(event)
        except (ValueError, KeyError, TypeError):
            return  # half a line that a killed process left

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
    try:
        return b'"event": "progress"' in (folder / EVENTS).read_bytes()
    except OSError:
        return False
