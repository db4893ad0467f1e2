"""Where an analysis is stored: memory, the requested path, or a temporary folder."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.metadata import StepDtype
from anofpdm.analysis.steps import estimate_nbytes
from anofpdm.analysis.writer import SUFFIX
from anofpdm.common.device import free_bytes
from anofpdm.common.errors import OutputError
from anofpdm.common.swapping.workspace import Workspace

log = logging.getLogger(__name__)

# An analysis larger than this share of the free memory goes to disk.
_MEMORY_SHARE = 0.5


def choose_place(
    store: str | os.PathLike[str] | None,
    inputs: AnalysisInputs,
    steps: int,
    dtype: StepDtype,
    memory_limit: int | None,
    temporary_folder: str | os.PathLike[str] | None,
) -> tuple[Path | None, Workspace | None]:
    """Choose where an analysis goes; arguments are those of `analyze`.

    Returns
    -------
    path : Path or None
        NAME.anofpdm.zarr; None is memory.
    temporary : Workspace or None
        The temporary folder, if one was created; the caller must close it. Those that killed
        processes left in the same place are removed.

    Raises
    ------
    OutputError
        When the disk is too small, or the temporary folder cannot be made.
    """
    slices, channels, rows, columns = inputs.x0.shape
    needed = estimate_nbytes(slices, steps, channels, rows, columns, dtype)
    size = f"{needed / 2**20:.0f} MiB"
    log.info("The analysis needs up to %s (%d slices, %d steps).", size, slices, steps)
    if store is not None:
        target = Path(store)
        _check_space(target.absolute().parent, needed, size)
        return target, None
    half = int(_MEMORY_SHARE * free_bytes("cpu"))
    limit = half if memory_limit is None else min(half, memory_limit)
    if needed <= limit:
        return None, None
    try:
        place = Path(tempfile.gettempdir() if temporary_folder is None else temporary_folder)
        temporary = Workspace.beside(place / f"analysis-{secrets.token_hex(8)}", private=True)
    except OSError as error:
        raise OutputError(
            f"The analysis needs {size} on disk, but {temporary_folder} cannot be written "
            f"({error.strerror}); choose another folder for temporary analyses."
        ) from error
    try:
        _check_space(place, needed, size)
    except OutputError:
        temporary.close()
        raise
    allowed = "half of the free memory" if limit == half else f"the {limit >> 20} MiB allowed"
    log.warning(
        "The analysis needs %s, more than %s; it is stored in a temporary folder.", size, allowed
    )
    log.info("The temporary folder is in %s.", place)
    return temporary.new / f"analysis{SUFFIX}", temporary


def _check_space(folder: Path, needed: int, size: str) -> None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"The analysis needs {size}, but {folder} has only {free / 2**20:.0f} MiB free; "
            "choose another disk, or fewer steps."
        )
