"""Work on scans that computes nothing, for tests of what distributes it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from anofpdm.cohorts.scan import CohortScan, Outcome
from anofpdm.common.executors.tries import MOST_TRIES, Tries


@dataclass(frozen=True)
class StandInWork:
    """Notes each scan that is begun in a file; "poison" kills its process, "clumsy" once.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def __call__(self, scan: CohortScan) -> Outcome:
        tries = Tries(self.folder / "tries")
        killed = tries.count(scan.name)
        if killed >= MOST_TRIES:
            return Outcome(scan.name, "failed", reason=f"killed {killed} times", tries=killed)
        with tries.one_more(scan.name) as number:
            with (self.folder / f"begun-{scan.name}").open("a") as begun:
                begun.write("x")
            if scan.name == "poison" or (scan.name == "clumsy" and number == 1):
                os.kill(os.getpid(), signal.SIGKILL)
            if scan.name == "bad":
                return Outcome(scan.name, "failed", reason="bad.nii is broken")
        return Outcome(scan.name, "done", {"scan": scan.name}, tries=number)

    def begun(self, name: str) -> int:
        """How often a scan was begun."""
        path = self.folder / f"begun-{name}"
        return len(path.read_text()) if path.exists() else 0
