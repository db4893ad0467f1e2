"""A comparison of two time points, read from the folder it was written to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from anofpdm.common.errors import AnalysisError
from anofpdm.common.reading import file_bytes
from anofpdm.common.validation import parsed
from anofpdm.preprocessing.chain import PreparedScans
from anofpdm.results.folder import REPORT_FILE
from anofpdm.results.follow_up import files
from anofpdm.results.follow_up.comparison import Examination, FollowUp, TimePoint
from anofpdm.results.follow_up.section import StoredChanges
from anofpdm.results.report import FORMAT_VERSION
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.volume import Volume, read_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REMEDY = "run anofpdm follow-up again"


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)

    modalities: tuple[str, ...]
    shown: str
    changes: StoredChanges


def holds_follow_up(folder: Path) -> bool:
    """Return whether a folder is one that `anofpdm follow-up` wrote."""
    return all(
        (folder / name).is_file()
        for name in (REPORT_FILE, files.CHANGE_FILE, files.CHANGE_TABLE_FILE)
    )


def read_follow_up(folder: Path) -> FollowUp:
    """Read what `write_follow_up` wrote.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    AnalysisError
        When a file is missing or damaged, or they do not belong together.
    """
    path = folder / REPORT_FILE
    text = file_bytes(path, AnalysisError, _REMEDY)
    stored = parsed(
        _Report,
        text,
        str(path),
        version=FORMAT_VERSION,
        what="a report of anofpdm follow-up",
        remedy=_REMEDY,
        raises=AnalysisError,
    )
    report: dict[str, Any] = json.loads(text)
    if stored.shown not in stored.modalities:
        raise AnalysisError(
            f"{path}: the modality shown is {stored.shown!r}, but the scans are "
            f"{', '.join(stored.modalities) or 'none'}; {_REMEDY}."
        )
    examinations: dict[TimePoint, Examination] = {}
    first: Volume | None = None
    for time_point in files.TIME_POINTS:
        volumes = {}
        for modality in stored.modalities:
            scan = _read(folder / files.scan_file(time_point, modality), first, modality)
            volumes[modality], first = scan, first or scan
        brain = folder / files.brain_file(time_point)
        mask = _read(brain, first) if brain.is_file() else None
        prepared = PreparedScans(volumes, mask, extracted=mask is not None)
        found = _read(folder / files.mask_file(time_point), first)
        examinations[time_point] = Examination(prepared, (found.data > 0).astype(np.uint8))
    labels: NDArray[np.int32] = _read(folder / files.CHANGE_FILE, first).data.astype(np.int32)
    changes = stored.changes.changes(labels)
    if set(np.unique(labels).tolist()) - {0} != {each.number for each in changes.table}:
        raise AnalysisError(
            f"{folder / files.CHANGE_FILE} and {path} list different lesions; {_REMEDY}."
        )
    return FollowUp(examinations, changes, stored.shown, report)


def _read(path: Path, first: Volume | None, modality: str | None = None) -> Volume:
    if not path.is_file():
        raise AnalysisError(f"{path} is missing; {_REMEDY}.")
    volume = read_volume(path, modality)
    return volume if first is None else on_grid_of(first, volume)
