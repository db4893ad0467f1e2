"""The files of a job, which are its own: a link that leads out of its folder is not followed."""

from __future__ import annotations

import os
from pathlib import Path

from anofpdm.common.errors import JobError
from anofpdm.common.reading import SMALL_FILE, file_bytes

_REMEDY = "remove the job and start it again"


def own_bytes(path: Path, remedy: str = _REMEDY, *, limit: int = SMALL_FILE) -> bytes:
    """Read a file of a job whole.

    Parameters
    ----------
    path : Path
        In the job's folder.
    remedy : str
        What to do about a file that is unfit: an imperative without a full stop.
    limit : int
        Most bytes that it may have.

    Raises
    ------
    JobError
        When it is a link that leads out of the folder, missing, no regular file or too large.
    """
    if leads_away(path):
        raise JobError(f"{path} is a link to a file outside of its job; {remedy}.")
    return file_bytes(path, JobError, remedy, limit=limit)


def is_own_file(path: Path) -> bool:
    """Whether a file is there, regular, and not elsewhere by a link."""
    return os.path.isfile(path) and not leads_away(path)  # noqa: PTH113 - false if it is no name


def leads_away(path: Path) -> bool:
    """Whether a file in a folder is a link to something outside of that folder."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve())
    except (OSError, ValueError, RuntimeError):  # a circle, a NUL: nothing that can be read
        return True
