"""How far long work has come, how fast it goes, and the time that is left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

_REPORTS = 100


@dataclass(frozen=True)
class Progress:
    """How far a stage of long work has come.

    Work that measures more on its way extends this class.

    Attributes
    ----------
    stage : str
        Its name, in words.
    done, total : int
        Steps done, and in all; 0 of 0 where nothing is counted.
    speed : float or None
        Steps a second, recently; None while unknown.
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
        """Share that is done, 0..1; None where nothing is counted."""
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
        """Take note of a report, and complete it.

        Another stage, or fewer steps than before, begins anew: its first report stays as it is.
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
