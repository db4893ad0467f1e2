"""The files of a bundle, as a folder or one zip: read with suspicion, written whole.

Nothing is read before its size is known to be one that a bundle may have, and no link is followed
out of a bundle's folder.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Final

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import BundleError, OutputError
from anofpdm.common.memory import memory_fault
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import file_bytes, one_line, opened_file, reading
from anofpdm.common.swapping.workspace import heal

METADATA_FILE = "metadata.json"
WEIGHTS_FILE = "weights.safetensors"
ZIP_SUFFIX = ".anofpdm.zip"

_TEXT_SUFFIXES = frozenset({".md", ".txt"})
_TEXT_NAMES = frozenset({"README", "LICENSE", "LICENCE", "NOTICE", "COPYING"})
# Left in folders by file managers; never opened.
_IGNORED_NAMES = frozenset({".DS_Store", "Thumbs.db"})
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
_FLOAT_TYPES = frozenset({"F16", "BF16", "F32", "F64"})

_REMEDY: Final = "copy or create the bundle again"
_MOST_TEXT: Final = 16 << 20
"""Bytes of metadata.json, and of each text."""
_MOST_FILES: Final = 64
_MOST_HEADER: Final = 64 << 20
"""Bytes of the header of weights.safetensors."""
_MOST_SHRUNK: Final = 50
"""Trained weights do not shrink by more in a zip; a file that does is made to fill a memory."""
_COPIES: Final = 3
"""The weights as bytes, as tensors, and in the network."""
_PACKINGS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class BundleFiles:
    """The contents of a bundle, unchecked but for their names.

    Attributes
    ----------
    metadata, weights : bytes
        metadata.json and weights.safetensors; `weights` is empty when it was not asked for.
    texts : Mapping of str to bytes
        Licence, readme, data sheet by name: carried along when the bundle is saved anew.
    """

    metadata: bytes
    weights: bytes
    texts: Mapping[str, bytes] = field(default_factory=dict)


def looks_like_bundle(path: Path) -> bool:
    """Whether `path` is a folder with one of a bundle's files in it, or a zip named as one."""
    if path.is_dir():
        return (path / METADATA_FILE).is_file() or (path / WEIGHTS_FILE).is_file()
    return path.name.endswith(ZIP_SUFFIX) and path.is_file()


def read_files(path: Path, *, with_weights: bool = True) -> BundleFiles:
    """Read a bundle's files from a folder or a zip.

    Parameters
    ----------
    path : Path
        The folder or zip.
    with_weights : bool
        Whether to read the weights (large); without, only that they are there is checked.

    Raises
    ------
    BundleError
        When there is nothing at `path`, it is neither folder nor zip, a file is missing, unknown
        (a pickle, a .pt), unsafely named or unreadable.
    """
    heal(path)
    for file in (path, path / METADATA_FILE, path / WEIGHTS_FILE):
        if (fault := missing_content(file)) is not None:
            raise BundleError(fault)
    with reading(path, BundleError, _REMEDY):
        if path.is_dir():
            return _read_folder(path, with_weights)
        if not path.exists():
            raise BundleError(f"There is no bundle at {path}; check the path.")
        return _read_zip(path, with_weights)


def write_files(path: Path, files: BundleFiles, *, overwrite: bool = False) -> None:
    """Write a bundle: a stored zip where `path` ends in .zip, else a folder.

    Raises
    ------
    OutputError
        When `path` exists and `overwrite` is false, is something else than a bundle, or cannot be
        written.
    """
    if path.is_dir() and any(path.iterdir()) and not looks_like_bundle(path):
        raise OutputError(
            f"The folder {path} is not a bundle, so it is not replaced; choose another path."
        )
    contents = {METADATA_FILE: files.metadata, WEIGHTS_FILE: files.weights, **files.texts}
    with atomic_path(path, overwrite=overwrite) as temporary:
        if path.suffix == ".zip":
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                for name, content in contents.items():
                    archive.writestr(name, content)
        else:
            temporary.mkdir()
            for name, content in contents.items():
                (temporary / name).write_bytes(content)


def weight_shapes(weights: bytes, source: str) -> dict[str, tuple[int, ...]]:
    """Read the names and shapes of the tensors in a safetensors file.

    Parameters
    ----------
    weights : bytes
        The whole file. It may come out of a zip, so it is checked in memory.
    source : str
        What to call it in errors.

    Raises
    ------
    BundleError
        When it is a pickle, cut off, no safetensors file, or holds other than float tensors.
    """
    from safetensors import deserialize

    try:
        with reading(source, BundleError, _REMEDY):
            tensors = {name: (t["dtype"], tuple(t["shape"])) for name, t in deserialize(weights)}
    except BundleError as error:
        raise _not_safetensors(weights, source) from error
    foreign = {dtype for dtype, _ in tensors.values()} - _FLOAT_TYPES
    if foreign:
        raise BundleError(
            f"{source} contains {', '.join(sorted(foreign))} tensors; weights must be "
            "floating-point numbers."
        )
    return {name: shape for name, (_, shape) in tensors.items()}


def _not_safetensors(start: bytes, source: str) -> BundleError:
    if start.startswith(_PICKLE_STARTS):
        return BundleError(
            f"{source} is a pickle (a PyTorch checkpoint), which a bundle must not contain; "
            "convert it with `anofpdm import-checkpoint`."
        )
    return BundleError(f"{source} is truncated or not a safetensors file; {_REMEDY}.")


def _read_weights(stream: IO[bytes], size: int, source: str) -> bytes:
    """Read weights whose header states the size that they have."""
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(size - 8, _MOST_HEADER):
        raise _not_safetensors(start, source)
    header = stream.read(length)
    try:
        entries = json.loads(header)
        ends = [int(e["data_offsets"][1]) for n, e in entries.items() if n != "__metadata__"]
    except Exception as error:  # any document in place of the header's
        raise _not_safetensors(start, source) from error
    if 8 + length + max(ends, default=0) != size:
        raise _not_safetensors(start, source)
    if (fault := memory_fault(_COPIES * size)) is not None:
        raise BundleError(f"{source} {fault}; close other programs, or use another machine.")
    return start + header + stream.read()


def _read_folder(path: Path, with_weights: bool) -> BundleFiles:
    home = path.resolve()
    names = [entry.name for entry in path.iterdir()]

    def read(name: str) -> bytes:
        file = path / name
        _refuse_leaving(file, home)
        if name != WEIGHTS_FILE:
            return file_bytes(file, BundleError, _REMEDY, limit=_MOST_TEXT)
        with opened_file(file, BundleError, _REMEDY) as stream:
            return _read_weights(stream, file.stat().st_size, str(file))

    return _collect(path, names, read, with_weights)


def _refuse_leaving(file: Path, home: Path) -> None:
    """Refuse a link out of the bundle, but into the store of git-annex that the bundle is in."""
    target = file.resolve()
    stores = (parent / ".git" / "annex" / "objects" for parent in (home, *home.parents))
    if not target.is_relative_to(home) and not any(map(target.is_relative_to, stores)):
        raise BundleError(
            f"{file} is a link to {target}, outside of the bundle; replace the link by the file."
        )


def _read_zip(path: Path, with_weights: bool) -> BundleFiles:
    with opened_file(path, BundleError, _REMEDY) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_archive(path, archive, with_weights)
        except (BundleError, OSError, MemoryError):
            raise
        except Exception as error:  # of the archive, of an encryption, or of a compression
            raise BundleError(
                f"{path} is not a valid zip archive ({one_line(error)}); copy or download it again."
            ) from error


def _read_archive(path: Path, archive: zipfile.ZipFile, with_weights: bool) -> BundleFiles:
    members = {info.filename: info for info in archive.infolist()}

    def read(name: str) -> bytes:
        _check_member(path, members[name])
        with archive.open(members[name]) as stream:
            if name == WEIGHTS_FILE:
                return _read_weights(stream, members[name].file_size, f"{path / name}")
            return stream.read()

    return _collect(path, [info.filename for info in archive.infolist()], read, with_weights)


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    """Refuse a file that would grow beyond what a bundle's files have."""
    name, size = member.filename, member.file_size
    if member.compress_type not in _PACKINGS:
        raise BundleError(
            f"{path} holds {name} in an unusual compression; make the zip again with Deflate or "
            "without compression."
        )
    grows = size > _MOST_SHRUNK * max(member.compress_size, 1 << 10)
    if grows or (name != WEIGHTS_FILE and size > _MOST_TEXT):
        raise BundleError(
            f"{path} holds {name} of {size:,} bytes ({member.compress_size:,} in the zip), which "
            "is not of a bundle's size; do not use this bundle."
        )


def _collect(
    path: Path, names: Iterable[str], read: Callable[[str], bytes], with_weights: bool
) -> BundleFiles:
    names = [name for name in names if name not in _IGNORED_NAMES]
    if len(names) > _MOST_FILES:
        raise BundleError(
            f"{path} contains {len(names)} files, more than the {_MOST_FILES} of a bundle; remove "
            "those that do not belong to it."
        )
    texts = _checked_texts(path, names)
    for needed in (METADATA_FILE, WEIGHTS_FILE):
        if needed not in names:
            raise BundleError(f"{path} is not a model bundle: it has no {needed}.")
    return BundleFiles(
        metadata=read(METADATA_FILE),
        weights=read(WEIGHTS_FILE) if with_weights else b"",
        texts={name: read(name) for name in texts},
    )


def _checked_texts(path: Path, names: list[str]) -> list[str]:
    texts = []
    for name in names:
        pure = PurePosixPath(name.replace("\\", "/"))
        if ".." in pure.parts or pure.is_absolute() or ":" in name:
            raise BundleError(f"{path} contains the unsafe path {name!r}; do not use this bundle.")
        if names.count(name) > 1:
            raise BundleError(f"{path} contains {name!r} twice; do not use this bundle.")
        if name in (METADATA_FILE, WEIGHTS_FILE):
            continue
        if len(pure.parts) > 1 or not _is_text(pure):
            raise BundleError(
                f"{path} contains {name!r}, but a bundle has only {METADATA_FILE}, {WEIGHTS_FILE} "
                "and texts (README, LICENSE, *.md, *.txt); remove that file from it."
            )
        texts.append(name)
    return texts


def _is_text(name: PurePosixPath) -> bool:
    return name.suffix in _TEXT_SUFFIXES or (not name.suffix and name.name in _TEXT_NAMES)
