"""What a run has to do: the scans that are not done with this input, model and settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from anofpdm.cohorts.inputs import stamp_of
from anofpdm.cohorts.naming import Naming
from anofpdm.cohorts.place import Place
from anofpdm.cohorts.record import ScanRecord
from anofpdm.cohorts.scan import CohortScan, Outcome
from anofpdm.common.errors import AnofpdmError
from anofpdm.common.executors.tries import Tries
from anofpdm.segmentation.settings import SegmentationSettings


@dataclass(frozen=True)
class Plan:
    """The scans of a run.

    Attributes
    ----------
    todo : list of CohortScan
        Scans that killed a process before come last.
    rows : list of dict
        Lines of the scans that are done.
    failures : list of Outcome
        Scans that cannot be segmented.
    """

    todo: list[CohortScan] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Outcome] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of scans."""
        return len(self.todo) + len(self.rows) + len(self.failures)


def key_of(bundle_hash: str, settings: SegmentationSettings, version: str) -> str:
    """Return a hash of what decides the results besides the scan."""
    decisive = {"bundle": bundle_hash, "settings": settings.decisive, "version": version}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def plan_of(scans: Sequence[CohortScan], key: str, place: Place, naming: Naming) -> Plan:
    """Sort the scans into those to do, those done, and those that cannot be done.

    Parameters
    ----------
    scans : sequence of CohortScan
    key : str
        See `key_of`.
    place : Place
        Of the run; only its part's scans are taken.
    naming : Naming
    """
    plan, tries = Plan(), Tries(place.tries)
    for scan in scans:
        if place.part is not None and not place.part.holds(scan.name):
            continue
        if scan.problem:
            plan.failures.append(
                Outcome(scan.name, "failed", reason=scan.without_folders(scan.problem), tries=0)
            )
            continue
        folder = place.root / naming.folder(scan.name)
        record = ScanRecord.read(folder / naming.record(scan.name))
        try:
            stamps = {role: stamp_of(file) for role, file in scan.files.items()}
        except (AnofpdmError, OSError) as error:
            reason = scan.without_folders(str(error))
            plan.failures.append(Outcome(scan.name, "failed", reason=reason, tries=0))
            continue
        if record is not None and record.key == key and record.has_stamps(stamps):
            plan.rows.append(record.row)
        else:
            plan.todo.append(scan)
    plan.todo.sort(key=lambda scan: (tries.count(scan.name) > 0, scan.name))
    return plan
