"""`Worklist`: the cases of a folder or table, and where their results lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anofpdm.cohorts.naming import PlainNaming
from anofpdm.cohorts.sources import find_scans
from anofpdm.common.errors import DatasetError
from anofpdm.results.folder import ANALYSIS_FOLDER, MASK_FILE, REPORT_FILE
from anofpdm.worklist.case import Case

_RESULTS = (REPORT_FILE, MASK_FILE, ANALYSIS_FOLDER)


@dataclass(frozen=True)
class Worklist:
    """Cases in their order.

    Attributes
    ----------
    source : Path
        What was opened.
    root : Path
        The folder of the results, arranged as `segment-cohort` arranges them.
    cases : tuple of Case
    notes : tuple of str
        What was left alone, one sentence each.
    can_analyse : bool
        Whether scans are known, so that the cases can be analysed.
    """

    source: Path
    root: Path
    cases: tuple[Case, ...]
    notes: tuple[str, ...] = ()
    can_analyse: bool = False


def holds_results(folder: Path) -> bool:
    """Return whether a folder is one of results, or holds such folders."""
    return folder.is_dir() and bool(_result_folders(folder))


def results_beside(source: Path) -> Path:
    """Return where results of a source go unless another folder is chosen."""
    return source.parent / f"{source.name.split('.')[0]}-anofpdm"


def open_worklist(source: Path, modalities: Sequence[str], root: Path | None = None) -> Worklist:
    """List the cases of a source.

    Parameters
    ----------
    source : Path
        A folder of results, such as that of `segment-cohort`; a folder of scans, BIDS included;
        or a CSV table.
    modalities : sequence of str
        What the model reads.
    root : Path, optional
        The folder of the results of scans; `results_beside` by default.

    Raises
    ------
    DatasetError
        When the source does not exist or holds neither scans nor results.
    """
    if not source.exists():
        raise DatasetError(f"{source} does not exist; check the path.")
    if root is None and source.is_dir() and (folders := _result_folders(source)):
        cases = tuple(Case(folder.name, folder) for folder in folders)
        return Worklist(source, source, cases)
    root = results_beside(source) if root is None else root
    naming = PlainNaming()
    found = find_scans(source, modalities)
    scans = tuple(
        Case(
            scan.name,
            root / naming.folder(scan.name),
            {modality: image.path for modality, image in scan.images.items()},
            scan.problem,
        )
        for scan in found.scans
    )
    return Worklist(source, root, scans, found.notes, can_analyse=True)


def _result_folders(folder: Path) -> list[Path]:
    """Return the folders of results: those in `scans`, those in the folder, or itself."""
    for parent in (folder / "scans", folder):
        if parent.is_dir():
            found = [each for each in sorted(parent.iterdir()) if _is_result(each)]
            if found:
                return found
    return [folder] if _is_result(folder) else []


def _is_result(folder: Path) -> bool:
    return folder.is_dir() and any((folder / name).exists() for name in _RESULTS)
