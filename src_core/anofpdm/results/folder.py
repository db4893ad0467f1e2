"""A result folder that appears complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anofpdm.common.atomic import atomic_path, cannot_write, write_faults
from anofpdm.common.errors import OutputError
from anofpdm.common.swapping.workspace import PATIENCE_SECONDS, Workspace, remove_leftovers
from anofpdm.common.user_path import user_path

MASK_FILE = "mask.nii.gz"
ANOMALY_MAP_FILE = "anomaly_map.nii.gz"
FUSED_MAP_FILE = "fused_map.nii.gz"
BRAIN_MASK_FILE = "brain_mask.nii.gz"
REPORT_FILE = "report.json"
PICTURE_FILE = "report.png"
LESION_TABLE_FILE = "lesions.csv"
NRRD_MASK_FILE = "mask.nrrd"
NRRD_MAP_FILE = "anomaly_map.nrrd"
DICOM_MASK_FILE = "mask.dcm"
DICOM_MAP_FILE = "anomaly_map.dcm"
DICOM_MEASUREMENTS_FILE = "measurements.dcm"
ANALYSIS_FOLDER = "analysis.anofpdm.zarr"
DEFAULT_NAMES = (
    MASK_FILE,
    ANOMALY_MAP_FILE,
    LESION_TABLE_FILE,
    REPORT_FILE,
    PICTURE_FILE,
)
NRRD_NAMES = (NRRD_MASK_FILE, NRRD_MAP_FILE)
DICOM_NAMES = (DICOM_MASK_FILE, DICOM_MAP_FILE, DICOM_MEASUREMENTS_FILE)
INTERPRETATION_NAMES = (*DEFAULT_NAMES, FUSED_MAP_FILE, *NRRD_NAMES, *DICOM_NAMES)
RESULT_NAMES = (*INTERPRETATION_NAMES, BRAIN_MASK_FILE, ANALYSIS_FOLDER)


@contextmanager
def result_folder(
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    names: tuple[str, ...] = RESULT_NAMES,
) -> Iterator[Path]:
    """Yield a hidden folder to write into; its content goes to `target` when the block ends.

    An exception in the block, Ctrl-C included, removes every trace. Old results are replaced only
    at the end and only all together; other files in `target` are kept. Until then no other process
    can write results there.

    A `target` that holds only results is replaced in one step. With other files in it, or where
    the file system cannot exchange folders, a journal lists the renames, and the next command that
    writes there, or reads the analysis, completes what a killed process left undone; see
    `anofpdm.common.swapping.journal` for what other programs may see in between.

    Parameters
    ----------
    target : str or Path
        The output folder; it is created, parents included.
    overwrite : bool
        Whether results that already lie in `target` may be replaced.
    names : tuple of str
        The files that count as results of this command.

    Raises
    ------
    OutputError
        On entry, before any work: `target` cannot be written, holds results, or another process
        is writing results there.
    """
    folder = user_path(target).absolute()
    check_folder(folder, overwrite=overwrite, names=names)
    if folder.is_dir():
        with _existing(folder.resolve(), overwrite, names) as staging:
            yield staging
    else:
        with atomic_path(folder, seconds=PATIENCE_SECONDS) as staging:
            staging.mkdir()
            yield staging


def check_folder(
    target: Path, *, overwrite: bool = False, names: tuple[str, ...] = RESULT_NAMES
) -> None:
    """Check before the work starts that results can be written to `target`.

    Raises
    ------
    OutputError
        When `target` or one of its parents is a file, is not writable, or when `target` already
        holds one of `names` and `overwrite` is off.
    """
    existing = next(p for p in (target, *target.parents) if os.path.lexists(p))
    if not existing.is_dir():
        raise OutputError(
            f"The output folder {target} cannot be created because {existing} is a file; "
            "choose another folder."
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(
            f"The output folder {target} cannot be written because {existing} is read-only; "
            "choose another folder."
        )
    present = present_results(target, names)
    if present and not overwrite:
        raise OutputError(
            f"The output folder {target} already contains results ({', '.join(present)}); "
            "choose another folder, or use --overwrite to replace them."
        )


def present_results(target: Path, names: tuple[str, ...] = RESULT_NAMES) -> list[str]:
    """Return those of `names` that lie in a folder already, and so would be replaced."""
    return [name for name in names if os.path.lexists(target / name)]


@contextmanager
def _existing(folder: Path, overwrite: bool, names: tuple[str, ...]) -> Iterator[Path]:
    with cannot_write(folder):
        workspace = Workspace.beside(_place(folder))
    try:
        with cannot_write(folder):
            remove_leftovers(folder)
        # Another process may have finished meanwhile.
        check_folder(folder, overwrite=overwrite, names=names)
        with write_faults(folder, workspace.path):
            yield workspace.new
        with cannot_write(folder):
            workspace.put_into(folder, names)
    finally:
        workspace.close()


def _place(folder: Path) -> Path:
    """Where the hidden folder goes: beside `folder`, or in it if there is no way beside it."""
    parent = folder.parent
    if parent == folder or folder.is_mount() or not os.access(parent, os.W_OK | os.X_OK):
        return folder / (folder.name or "root")
    return folder
