"""How fast work goes, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Seconds a unit of work since a stage's first report.

    Parameters
    ----------
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage: str | None = None
        self._start, self._first = 0.0, 0

    def __call__(self, stage: str, done: int) -> float | None:
        """Take note of a report.

        Parameters
        ----------
        stage : str
            Name of the stage; another one begins anew.
        done : int
            Units done.

        Returns
        -------
        float or None
            Seconds a unit; None at a stage's first report.
        """
        now = self._clock()
        if stage != self._stage:
            self._stage, self._start, self._first = stage, now, done
        units, seconds = done - self._first, now - self._start
        return seconds / units if units > 0 and seconds > 0 else None


def in_words(seconds: float) -> str:
    """Seconds as "12 s", "3 min 05 s" or "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
