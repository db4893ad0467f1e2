"""Slices per second, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from anofpdm.cli.shared.console import Tick
from anofpdm.common.pace import Pace, in_words

if TYPE_CHECKING:
    from anofpdm.guidance.accuracy import GuidanceAccuracy


class SliceProgress(Protocol):
    """A progress report of a network stage (`anofpdm.analysis.engine.Progress`)."""

    @property
    def stage(self) -> str:
        """Name of the stage."""

    @property
    def done(self) -> int:
        """Steps done."""

    @property
    def total(self) -> int:
        """Total number of steps."""

    @property
    def slices_total(self) -> int:
        """Slices that pass through the network in all steps together."""


class SlicePace:
    """Forward progress, with the pace since the stage's first report.

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
        self._show, self._pace = show, Pace(clock)
        self._last: Tick | None = None

    def __call__(self, progress: SliceProgress) -> None:
        """Show one report."""
        words = ""
        seconds = self._pace(progress.stage, progress.done)
        if seconds is not None:
            rate = progress.slices_total / progress.total / seconds
            left = seconds * (progress.total - progress.done)
            words = f"{rate:.2g} slices/s, {in_words(left)} left"
        self._last = Tick(progress.stage, progress.done, progress.total, words)
        self._show(self._last)

    def add(self, accuracy: GuidanceAccuracy) -> None:
        """Show the last report again, with the accuracy measured at its end."""
        if self._last is not None:
            values = {"baseline": accuracy.baseline}
            self._show(replace(self._last, values=values, by_guidance=accuracy.points))
