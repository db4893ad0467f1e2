"""Slices a second, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from anofpdm.cli.console import Tick


class SliceProgress(Protocol):
    """What the network's stages report (`anofpdm.engine.Progress`)."""

    @property
    def stage(self) -> str:
        """Name of the stage."""

    @property
    def done(self) -> int:
        """Steps done."""

    @property
    def total(self) -> int:
        """Steps in all."""

    @property
    def slices_total(self) -> int:
        """Slices that all steps together bring through the network."""


class SlicePace:
    """Pass progress on, with the pace since the stage's first report.

    Parameters
    ----------
    show : callable
        Takes each `Tick`.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self, show: Callable[[Tick], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._show, self._clock = show, clock
        self._stage = ""
        self._start, self._first = 0.0, 0

    def __call__(self, progress: SliceProgress) -> None:
        """Show one report."""
        now = self._clock()
        if progress.stage != self._stage:
            self._stage, self._start, self._first = progress.stage, now, progress.done
        self._show(Tick(progress.stage, progress.done, progress.total, self._pace(progress, now)))

    def _pace(self, progress: SliceProgress, now: float) -> str:
        steps, seconds = progress.done - self._first, now - self._start
        if steps <= 0 or seconds <= 0:
            return ""
        rate = progress.slices_total * steps / progress.total / seconds
        left = seconds * (progress.total - progress.done) / steps
        return f"{rate:.2g} slices/s, {in_words(left)} left"


def in_words(seconds: float) -> str:
    """Seconds as "12 s", "3 min 05 s" or "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
