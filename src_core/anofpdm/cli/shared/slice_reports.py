"""Reports of the network's stages: slices a second, and what was measured on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from anofpdm.jobs.progress import JobProgress

if TYPE_CHECKING:
    from anofpdm.analysis.progress import SliceProgress
    from anofpdm.guidance.accuracy import GuidanceAccuracy


class SliceReports:
    """Pass on how far the network has come, with slices a second.

    Parameters
    ----------
    show : callable
        Takes each report.
    """

    def __init__(self, show: Callable[[JobProgress], None]) -> None:
        self._show = show
        self._last: JobProgress | None = None

    def __call__(self, progress: SliceProgress) -> None:
        """Show one report."""
        rate = progress.slices_per_second
        detail = "" if rate is None else f"{rate:.2g} slices/s"
        self._last = JobProgress.of(progress, detail)
        self._show(self._last)

    def add(self, accuracy: GuidanceAccuracy) -> None:
        """Show the last report again, with what was measured at its end."""
        if self._last is not None:
            values = {"baseline": accuracy.baseline}
            self._show(replace(self._last, values=values, by_guidance=accuracy.points))
