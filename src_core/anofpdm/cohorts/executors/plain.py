"""One scan after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from anofpdm.cohorts.scan import CohortScan, Outcome, Work
from anofpdm.cohorts.stopping import Stop


class Executor(Protocol):
    """Does the work on scans."""

    def outcomes(self, work: Work, scans: Sequence[CohortScan], stop: Stop) -> Iterator[Outcome]:
        """Yield what becomes of each scan, in any order, until a stop is asked for."""


class PlainExecutor:
    """Works in this process."""

    def outcomes(self, work: Work, scans: Sequence[CohortScan], stop: Stop) -> Iterator[Outcome]:
        """Yield what becomes of each scan, in order, until a stop is asked for."""
        for scan in scans:
            if stop.asked:
                return
            yield work(scan)
