"""Find the NIfTI files below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_SUFFIXES = (".nii.gz", ".nii")


def nifti_files(folder: Path) -> Iterator[Path]:
    """Yield all .nii and .nii.gz files below a folder, in a fixed order; links are followed."""
    seen = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(root) / name


def stem_of(path: Path) -> str:
    """File name without .nii or .nii.gz."""
    for suffix in _SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name
