"""A result folder that appears complete or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import OutputError
from anofpdm.common.user_path import user_path

MASK_FILE = "mask.nii.gz"
ANOMALY_MAP_FILE = "anomaly_map.nii.gz"
FUSED_MAP_FILE = "fused_map.nii.gz"
REPORT_FILE = "report.json"
PICTURE_FILE = "report.png"
LESION_TABLE_FILE = "lesions.csv"
ANALYSIS_FOLDER = "analysis.anofpdm.zarr"
DEFAULT_NAMES = (
    MASK_FILE,
    ANOMALY_MAP_FILE,
    LESION_TABLE_FILE,
    REPORT_FILE,
    PICTURE_FILE,
)
INTERPRETATION_NAMES = (*DEFAULT_NAMES, FUSED_MAP_FILE)
RESULT_NAMES = (*INTERPRETATION_NAMES, ANALYSIS_FOLDER)


@contextmanager
def result_folder(
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    names: tuple[str, ...] = RESULT_NAMES,
) -> Iterator[Path]:
    """Yield a hidden folder to write into; its content goes to `target` when the block ends.

    An exception in the block, Ctrl-C included, removes every trace. Old results are replaced only
    then and only all together; other files in `target` are kept.

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
        On entry, before any work: `target` cannot be written, or holds results.
    """
    folder = user_path(target).absolute()
    check_folder(folder, overwrite=overwrite, names=names)
    if folder.is_dir():
        with _inside(folder, names) as staging:
            yield staging
    else:
        with atomic_path(folder) as staging:
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
def _inside(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    # The staging folder lies inside, since `folder` may be a mount point or its parent read-only.
    staging = folder / f".{secrets.token_hex(4)}.partial"
    staging.mkdir()
    try:
        yield staging
        _swap(staging, folder, names)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _swap(staging: Path, folder: Path, names: tuple[str, ...]) -> None:
    """Replace old results by new ones; on failure, restore the old ones."""
    entries = sorted(staging.iterdir())
    old = staging / ".old"
    old.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for name in sorted({*names, *(entry.name for entry in entries)}):
            _move(folder / name, old / name, moved)
        for entry in entries:
            _move(entry, folder / entry.name, moved)
    except BaseException:
        for source, destination in reversed(moved):
            destination.replace(source)
        raise


def _move(source: Path, destination: Path, moved: list[tuple[Path, Path]]) -> None:
    if source.exists():
        source.replace(destination)
        moved.append((source, destination))
