"""Files without content of their own: git-annex and Git LFS pointers, dead links, pipes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from anofpdm.common.reading import irregular

_LFS: Final = b"version https://git-lfs.github.com/spec/"
_ANNEX: Final = b"annex/objects/"
_POINTER_BYTES: Final = 1024
"""A pointer is smaller than this; both formats demand or imply it."""


def missing_content(path: str | os.PathLike[str]) -> str | None:
    """Say why a file has no content that can be read.

    Datasets and models that git-annex (DataLad) or Git LFS keep are checked out as placeholders: a
    link into `.git/annex/objects`, or a short text, in place of each file that was not fetched.
    Pipes and devices hold up their reader, or fill the memory.

    Parameters
    ----------
    path : path-like
        A file or its placeholder.

    Returns
    -------
    str or None
        One sentence that names the file, the cause and the remedy; None where the file holds its
        own content, is a folder, or where there is nothing at `path`.
    """
    path = Path(path)
    try:
        if path.is_symlink() and not path.exists():
            target = path.readlink()
            if _ANNEX in os.fsencode(target.as_posix()):
                return _annex(path)
            return (
                f"{path} is a link to {target}, which does not exist; restore that file, or give "
                "the file itself."
            )
        if (fault := irregular(path)) is not None:
            return fault
        if not path.is_file() or path.stat().st_size > _POINTER_BYTES:
            return None
        content = path.read_bytes()
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None  # reported when the file is read
    if content.startswith(_LFS):
        return (
            f"{path} is a Git LFS pointer, and the file itself was not fetched; run "
            f"`git lfs pull` in its repository."
        )
    # An unlocked pointer begins with /annex/objects/. Where a file system has no links, git writes
    # the link's target into the file.
    first = content.split(b"\n", 1)[0].replace(b"\\", b"/")
    if first.startswith((b"/" + _ANNEX, b".git/" + _ANNEX, b"../")) and _ANNEX in first:
        return _annex(path)
    return None


def _annex(path: Path) -> str:
    return (
        f"{path} is a git-annex pointer, and the file itself was not fetched; run "
        f"`git annex get {path.name}` (or `datalad get {path.name}`) in its folder."
    )
