"""The files of a bundle, as a folder or one zip: read with suspicion, written whole."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import BundleError, OutputError
from anofpdm.common.pointer_files import missing_content

METADATA_FILE = "metadata.json"
WEIGHTS_FILE = "weights.safetensors"
ZIP_SUFFIX = ".anofpdm.zip"

_TEXT_SUFFIXES = frozenset({".md", ".txt"})
_TEXT_NAMES = frozenset({"README", "LICENSE", "LICENCE", "NOTICE", "COPYING"})
# Left in folders by file managers; never opened.
_IGNORED_NAMES = frozenset({".DS_Store", "Thumbs.db"})
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
_FLOAT_TYPES = frozenset({"F16", "BF16", "F32", "F64"})


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
    for file in (path, path / METADATA_FILE, path / WEIGHTS_FILE):
        if (fault := missing_content(file)) is not None:
            raise BundleError(fault)
    if not path.exists():
        raise BundleError(f"There is no bundle at {path}; check the path.")
    try:
        if path.is_dir():
            return _read_folder(path, with_weights)
        return _read_zip(path, with_weights)
    except OSError as error:
        raise BundleError(
            f"The bundle {path} cannot be read ({error.strerror or error}); check the file."
        ) from error


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
    from safetensors import SafetensorError, deserialize

    try:
        tensors = {name: (t["dtype"], tuple(t["shape"])) for name, t in deserialize(weights)}
    except SafetensorError as error:
        if weights.startswith(_PICKLE_STARTS):
            raise BundleError(
                f"{source} is a pickle (a PyTorch checkpoint), which a bundle must not contain; "
                "convert it with `anofpdm import-checkpoint`."
            ) from error
        raise BundleError(
            f"{source} is truncated or not a safetensors file; copy or create the bundle again."
        ) from error
    foreign = {dtype for dtype, _ in tensors.values()} - _FLOAT_TYPES
    if foreign:
        raise BundleError(
            f"{source} contains {', '.join(sorted(foreign))} tensors; weights must be "
            "floating-point numbers."
        )
    return {name: shape for name, (_, shape) in tensors.items()}


def _read_folder(path: Path, with_weights: bool) -> BundleFiles:
    names = [entry.name for entry in path.iterdir()]
    return _collect(path, names, lambda name: (path / name).read_bytes(), with_weights)


def _read_zip(path: Path, with_weights: bool) -> BundleFiles:
    try:
        with zipfile.ZipFile(path) as archive:
            return _collect(path, archive.namelist(), archive.read, with_weights)
    # RuntimeError: encrypted; NotImplementedError (its subclass): an exotic compression.
    except (zipfile.BadZipFile, RuntimeError, EOFError, ValueError) as error:
        raise BundleError(
            f"{path} is not a valid zip archive ({error}); copy or download it again."
        ) from error


def _collect(
    path: Path, names: Iterable[str], read: Callable[[str], bytes], with_weights: bool
) -> BundleFiles:
    names = [name for name in names if name not in _IGNORED_NAMES]
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
