"""How far a job has come, read from its folder again and again as it grows."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anofpdm.common.event_log import EVENTS
from anofpdm.jobs.notes import RESULT
from anofpdm.jobs.request import JobRequest, read_request
from anofpdm.jobs.state import JobState, state_of

_PACE_POINTS = 100


@dataclass(frozen=True)
class JobProgress:
    """How far a stage has come.

    Attributes
    ----------
    stage : str
    done, total : int
        Steps.
    detail : str
        What else is worth showing.
    time : float
        When, in seconds since 1970.
    """

    stage: str
    done: int
    total: int
    detail: str
    time: float


class JobWatch:
    """A job as seen from outside; `update` reads what has been added.

    Parameters
    ----------
    folder : Path
        The job's.

    Attributes
    ----------
    state : JobState
    curves : dict of str to list of (int, float)
        Step and value of what is measured on the way: "loss" and "held_out" of a training, its
        best "accuracy" on held-out slices; "baseline", what calling those slices all alike scores.
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
        self._recent: deque[JobProgress] = deque(maxlen=_PACE_POINTS)
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
        if self.progress is None or self.progress.total == 0:
            return None
        return self.progress.done / self.progress.total

    @property
    def seconds_left(self) -> float | None:
        """Time until the present stage ends, at its recent pace; None where that is unknown."""
        if self.state.status != "running" or len(self._recent) < 2:
            return None
        first, last = self._recent[0], self._recent[-1]
        steps, seconds = last.done - first.done, last.time - first.time
        if steps <= 0 or seconds <= 0:
            return None
        return (last.total - last.done) * seconds / steps

    @property
    def result(self) -> dict[str, Any] | None:
        """What the command reported at its end (as with --json); None before."""
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
                # The next attempt has its own pace.
                self._recent.clear()
                if event["attempt"] != self._attempt:
                    self._attempt, self._progress = event["attempt"], None
                    self.by_guidance = []
            elif event["event"] == "progress":
                self._advance(event)
        except (ValueError, KeyError, TypeError):
            return  # half a line that a killed process left

    def _advance(self, event: dict[str, Any]) -> None:
        report = JobProgress(
            event["stage"], event["done"], event["total"], event["detail"], event["time"]
        )
        if self._recent and self._recent[-1].stage != report.stage:
            self._recent.clear()
        self._recent.append(report)
        self._progress = report
        # Jobs of an earlier version told none.
        points = [(float(w), float(accuracy)) for w, accuracy in event.get("by_guidance", ())]
        self.by_guidance = points or self.by_guidance
        for name, value in event["values"].items():
            curve = self.curves.setdefault(name, [])
            # After a crash, training goes back to its last checkpoint.
            while curve and curve[-1][0] >= report.done:
                curve.pop()
            curve.append((report.done, float(value)))


def has_progress(folder: Path) -> bool:
    """Whether a job has ever reported progress."""
    try:
        return b'"event": "progress"' in (folder / EVENTS).read_bytes()
    except OSError:
        return False
