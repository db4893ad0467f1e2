"""The scans of a cohort: lines of a table, sessions of a BIDS folder, or files in a folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from anofpdm.cohorts.scan import CohortScan
from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Case, sentences_on
from anofpdm.datasets.layouts import find_cases
from anofpdm.datasets.nifti_files import nifti_files, stem_of
from anofpdm.scans.modalities import CONTRASTS
from anofpdm.segmentation.image_file import ImageFile

Arrangement = Literal["auto", "table", "bids", "brats", "scans"]

_NAME = re.compile(r"[^/\\\0-\x1f:*?\"<>|]+")
"""Names that a folder can have on every system."""
_LONGEST, _MOST_BYTES = 150, 200
"""Letters, and bytes as UTF-8, of a name: files in its folder have longer ones, up to 255 bytes."""


@dataclass(frozen=True)
class FoundScans:
    """The content of a source.

    Attributes
    ----------
    scans : tuple of CohortScan
        Sorted by name; some may carry a problem.
    notes : tuple of str
        What was left alone, and what else is to be known, one sentence each.
    """

    scans: tuple[CohortScan, ...]
    notes: tuple[str, ...] = ()


def find_scans(
    source: Path,
    modalities: Sequence[str],
    arrangement: Arrangement = "auto",
    match: Mapping[str, str] | None = None,
    leave_out: Path | None = None,
) -> FoundScans:
    """List the scans of a source.

    Parameters
    ----------
    source : Path
        A CSV file, or a folder.
    modalities : sequence of str
        What the model reads, in its order.
    arrangement : {"auto", "table", "bids", "brats", "scans"}
        How the source is arranged. "auto" takes a CSV file as a table, a folder with
        `dataset_description.json` or `sub-*` folders as BIDS, and any other folder as "scans":
        each file or folder in it is a scan.
    match : mapping of str to str, optional
        BIDS entities that a scan's name must have; "" for none of that entity.
    leave_out : Path, optional
        The output folder, which may lie in the source.

    Raises
    ------
    DatasetError
        When the source cannot be read or holds no scan.
    """
    if not source.exists():
        raise DatasetError(f"{source} does not exist; check the path.")
    layout = _guess(source) if arrangement == "auto" else arrangement
    if layout == "scans":
        found = FoundScans(tuple(_entries(source, modalities, leave_out)))
    else:
        listed = find_cases(source, layout, modalities, match or {}, leave_out)
        scans = tuple(_scan_of(case, modalities) for case in listed.cases)
        found = FoundScans(scans, (*listed.notes, *sentences_on(listed.left_alone)))
    return replace(found, scans=_usable_names(found.scans))


def _guess(source: Path) -> Literal["table", "bids", "scans"]:
    if source.is_file():
        return "table"
    described = (source / "dataset_description.json").is_file()
    return "bids" if described or next(source.glob("sub-*/"), None) else "scans"


def _scan_of(case: Case, modalities: Sequence[str]) -> CohortScan:
    images = {m: ImageFile.of(str(case.images[m])) for m in modalities if m in case.images}
    mask = None if case.brain_mask is None else ImageFile.of(str(case.brain_mask))
    return CohortScan(case.subject, case.patient, images, mask, case.problem)


def _entries(folder: Path, modalities: Sequence[str], leave_out: Path | None) -> list[CohortScan]:
    """Take each entry of a folder as a scan."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; choose the folder with the scans.")
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry == leave_out:
            continue
        if entry.is_dir():
            found.append(_folder_scan(entry, modalities))
        elif entry.name.lower().endswith((".nii", ".nii.gz", ".mgz", ".zip")):
            name = stem_of(entry)
            if len(modalities) == 1:
                found.append(CohortScan(name, name, {modalities[0]: ImageFile(entry)}))
            else:
                problem = (
                    f"{entry} is one file, but the model reads {', '.join(modalities)}; use a "
                    "folder for each scan, or a table."
                )
                found.append(CohortScan(name, name, problem=problem))
    if not found:
        raise DatasetError(
            f"{folder} contains no scan; give a folder with scan files or with a folder for each "
            "scan, a BIDS folder, or a CSV table."
        )
    return found


def _folder_scan(folder: Path, modalities: Sequence[str]) -> CohortScan:
    files = list(nifti_files(folder))
    name = folder.name
    if not files:  # DICOM: which series is which contrast shows when it is read
        return CohortScan(name, name, {modality: ImageFile(folder) for modality in modalities})
    images: dict[str, ImageFile] = {}
    for modality in modalities:
        fitting = [path for path in files if modality in _contrasts(stem_of(path))]
        if len(modalities) == len(files) == 1:
            fitting = files
        if len(fitting) != 1:
            many = "no file" if not fitting else f"{len(fitting)} files"
            problem = (
                f"{folder} has {many} whose name says {modality}; name the files in a CSV table."
            )
            return CohortScan(name, name, problem=problem)
        images[modality] = ImageFile(fitting[0])
    return CohortScan(name, name, images)


def _contrasts(stem: str) -> set[str]:
    words = re.split(r"[^a-z0-9]+", stem.lower())
    return {CONTRASTS[word] for word in words if word in CONTRASTS}


def _usable_names(scans: Sequence[CohortScan]) -> tuple[CohortScan, ...]:
    """Give scans whose names cannot be folders, or may share one with another, a problem."""
    seen: dict[str, str] = {}
    checked = []
    for scan in sorted(scans, key=lambda scan: scan.name):
        problem = scan.problem
        if not _NAME.fullmatch(scan.name) or scan.name.strip(". ") != scan.name:
            problem = f"The name {scan.name!r} cannot be the name of a folder; rename the scan."
        elif len(scan.name) > _LONGEST or len(os.fsencode(scan.name)) > _MOST_BYTES:
            problem = (
                f"The name {scan.name} is too long for the files of its results: it has "
                f"{len(scan.name)} letters ({len(os.fsencode(scan.name))} bytes); rename the scan "
                f"(at most {_LONGEST} letters and {_MOST_BYTES} bytes)."
            )
        elif (other := seen.setdefault(_folded(scan.name), scan.name)) != scan.name:
            problem = f"The name {scan.name} differs from {other} only in case; rename the scan."
            if scan.name.casefold() != other.casefold():
                problem = (
                    f"The name {scan.name} differs from {other} only in how its accents are "
                    "stored; rename the scan."
                )
        checked.append(replace(scan, problem=problem))
    twice = [a.name for a, b in pairwise(checked) if a.name == b.name]
    if twice:
        raise DatasetError(f"The source contains the scan {twice[0]} twice; rename or remove one.")
    return tuple(checked)


def _folded(name: str) -> str:
    """Return what names that may share a folder have in common."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
