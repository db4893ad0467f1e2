"""Input files, told apart by size and time where that is enough, and by content where not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from anofpdm.common.errors import VolumeError
from anofpdm.segmentation.image_file import ImageFile

_PAIRS = {".hdr": ".img", ".img": ".hdr"}


def stamp_of(file: ImageFile) -> str:
    """Return a hash of names, sizes and times of change; nothing is read.

    Raises
    ------
    VolumeError
        When the file does not exist.
    """
    seen = []
    for path, name in _parts(file.path):
        status = path.stat()
        seen.append((name, status.st_size, status.st_mtime_ns))
    return _digest([seen, file.channel, file.series])


def content_of(file: ImageFile) -> str:
    """Return a hash of the content; names of single files and times do not count.

    Raises
    ------
    VolumeError
        When the file does not exist.
    """
    hashes = []
    for path, name in _parts(file.path):
        with path.open("rb") as stream:
            hashes.append((name, hashlib.file_digest(stream, "sha256").hexdigest()))
    return _digest([hashes, file.channel, file.series])


def _parts(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files that are read, each with its name below `path`."""
    if path.is_dir():
        for each in sorted(path.rglob("*")):
            if each.is_file():
                yield each, each.relative_to(path).as_posix()
        return
    if not path.exists():
        raise VolumeError(f"{path} does not exist; check the path.")
    yield path, ""
    other = _PAIRS.get(path.suffix.lower())
    if other is not None and path.with_suffix(other).is_file():
        yield path.with_suffix(other), other


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
