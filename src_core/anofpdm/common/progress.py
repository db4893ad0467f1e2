"""Progress of long work: steps done, speed and time left."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

_MOST_MARKS = 256


@dataclass(frozen=True)
class Progress:
    """Progress of a stage of long work.

    Stages that report more values extend this class.

    Attributes
    ----------
    stage : str
        Readable name.
    done, total : int
        Steps done, and their total number; both 0 if nothing is counted.
    speed : float or None
        Recent steps per second; None while unknown.
    seconds_left : float or None
        Time until the stage ends; None while unknown.
    """

    stage: str
    done: int = 0
    total: int = 0
    speed: float | None = None
    seconds_left: float | None = None

    @property
    def fraction(self) -> float | None:
        """Fraction done, 0..1; None if nothing is counted."""
        return self.done / self.total if self.total else None


Reported = TypeVar("Reported", bound=Progress)


class Pace:
    """Adds speed and time left to reports, by the recent pace of the same stage.

    Recent is the latter half of the steps seen, so that a slow start is forgotten and short-lived
    load is averaged out; toward the end it is as many steps as are left, but no fewer than a
    twentieth of the stage, so that lasting load shows.

    Parameters
    ----------
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage: str | None = None
        self._last = 0
        self._marks: list[tuple[float, int]] = []
        self._gap = 0

    def __call__(self, progress: Reported) -> Reported:
        """Record a report, and add speed and time left.

        A new stage, or fewer steps than before, restarts the measurement.
        """
        now, done = self._clock(), progress.done
        if progress.stage != self._stage or done < self._last:
            self._stage, self._marks, self._gap = progress.stage, [], 0
        self._last = done
        began, first = self._began(progress)
        self._mark(now, done)
        steps, seconds = done - first, now - began
        if steps <= 0 or seconds <= 0:
            return progress
        left = (progress.total - done) * seconds / steps
        return replace(progress, speed=steps / seconds, seconds_left=left)

    def _began(self, progress: Progress) -> tuple[float, int]:
        """Time and steps from which the recent pace is measured."""
        if not self._marks:
            return math.inf, progress.done
        total, done = progress.total, progress.done
        span = min((done - self._marks[0][1]) / 2, max(total - done, total / 20))
        place = bisect_right(self._marks, done - span, key=lambda mark: mark[1])
        return self._marks[max(place - 1, 0)]

    def _mark(self, now: float, done: int) -> None:
        """Keep evenly spaced reports, and fewer of them the longer the stage lasts."""
        if self._marks and done - self._marks[-1][1] <= self._gap:
            return
        self._marks.append((now, done))
        if len(self._marks) > _MOST_MARKS:
            self._marks = self._marks[::2]
            self._gap = (done - self._marks[0][1]) // len(self._marks) // 2
