"""Paths as users write them, with ~ for the home folder."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(text: str | os.PathLike[str]) -> Path:
    """Read a path, with the home folder in place of ~ or ~NAME at its beginning.

    Unlike `Path.expanduser` it takes any text: where there is no such user, as in "~scan.nii.gz",
    the name stays as it is.
    """
    return Path(os.path.expanduser(text))  # noqa: PTH111 - see above
