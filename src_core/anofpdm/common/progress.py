"""Progress of long work: steps done, speed and time left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

_REPORTS = 100


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
    """Adds speed and time left to reports, by the last hundred of the same stage.

    Parameters
    ----------
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage: str | None = None
        self._seen: deque[tuple[float, int]] = deque(maxlen=_REPORTS)

    def __call__(self, progress: Reported) -> Reported:
        """Record a report, and add speed and time left.

        A new stage, or fewer steps than before, restarts the measurement.
        """
        now = self._clock()
        if progress.stage != self._stage or (self._seen and progress.done < self._seen[-1][1]):
            self._stage = progress.stage
            self._seen.clear()
        self._seen.append((now, progress.done))
        began, first = self._seen[0]
        steps, seconds = progress.done - first, now - began
        if steps <= 0 or seconds <= 0:
            return progress
        left = (progress.total - progress.done) * seconds / steps
        return replace(progress, speed=steps / seconds, seconds_left=left)
