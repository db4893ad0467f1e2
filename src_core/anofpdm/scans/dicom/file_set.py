"""The files in which DICOM images are looked for: a folder's, a zip's, or those of a DICOMDIR."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from anofpdm.common.errors import VolumeError
from anofpdm.common.pointer_files import missing_content
from anofpdm.scans.dicom.optional import pydicom_for, quiet
from anofpdm.scans.dicom.parsing import parse

SUFFIXES: Final = (".dcm", ".dicom", ".ima", ".zip")
"""Suffixes of files that are read as DICOM, in lower case; a DICOMDIR has none."""

_DICOMDIR: Final = "dicomdir"
_MOST_FILES: Final = 100_000
_MOST_BYTES_IN_ZIP: Final = 4 * 2**30
_MAGIC: Final = b"DICM"
_MAGIC_AT: Final = 128
# BER: a constructed sequence, the outside of a CMS envelope (PS3.10, Secure DICOM File Format).
_CMS: Final = (b"\x30\x80", b"\x30\x82", b"\x30\x83", b"\x30\x84")


@dataclass(frozen=True)
class FileSet:
    """Files that may be DICOM images.

    Attributes
    ----------
    path : Path
        What the user named: a folder, a file, a DICOMDIR or a zip archive.
    names : tuple of str
        The files in it, relative to it, sorted.
    folder : Path or None
        Where the names lie; None for those in a zip archive.
    only : str or None
        The file that the user named, where its series is meant and no other.
    """

    path: Path
    names: tuple[str, ...]
    folder: Path | None
    only: str | None = None

    @contextmanager
    def opened(self) -> Iterator[OpenFileSet]:
        """Open the set; a zip archive is opened once for all of its files.

        Raises
        ------
        VolumeError
            When the zip archive is damaged.
        """
        if self.folder is not None:
            yield OpenFileSet(self, None)
            return
        try:
            archive = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise VolumeError(_damaged_zip(self.path)) from error
        with archive:
            yield OpenFileSet(self, archive)


@dataclass(frozen=True)
class OpenFileSet:
    """A `FileSet` whose files can be read.

    Attributes
    ----------
    files : FileSet
    archive : zipfile.ZipFile or None
        The open archive; None where the files lie in a folder.
    """

    files: FileSet
    archive: zipfile.ZipFile | None

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open one of the files for reading; it can seek."""
        if self.archive is not None:
            try:
                # Not longer than the directory of the archive said, which was checked.
                content = self.archive.read(name)
            except Exception as error:  # whatever a method of packing meets in damaged bytes
                raise VolumeError(_damaged_zip(self.files.path)) from error
            yield io.BytesIO(content)
            return
        assert self.files.folder is not None
        with (self.files.folder / name).open("rb") as stream:
            yield stream


def is_dicom(path: Path) -> bool:
    """Whether a path is to be read as DICOM: a folder, or a file by its suffix or first bytes."""
    if path.is_dir():
        return path.suffix.lower() != ".zarr"
    if path.name.lower() == _DICOMDIR or path.name.lower().endswith(SUFFIXES):
        return True
    return _has_magic(path)


def holds_dicom(path: Path) -> bool:
    """Whether a folder, file or archive surely holds DICOM, found out without reading all of it."""
    if not path.is_dir() and not path.name.lower().endswith(".zip"):
        return is_dicom(path)
    try:
        files = file_set(path)
        with files.opened() as opened:
            for name in files.names[:1000]:
                with opened.open(name) as stream:
                    if stream.read(_MAGIC_AT + 4)[_MAGIC_AT:] == _MAGIC:
                        return True
                if name.lower().endswith(SUFFIXES[:-1]):
                    return True
    except (VolumeError, OSError):
        return False
    return False


def is_encrypted(start: bytes) -> bool:
    """Whether a file that begins so is an encrypted envelope."""
    return start.startswith(_CMS)


def file_set(path: Path) -> FileSet:
    """List the files that a path stands for.

    Parameters
    ----------
    path : Path
        A folder (searched with its subfolders), a zip archive, a DICOMDIR, or one DICOM file,
        which stands for its series in its folder.

    Raises
    ------
    VolumeError
        When nothing is there, a DICOMDIR names absent files, or a zip archive is encrypted,
        damaged, too large, or has names that lead out of it.
    """
    if (fault := missing_content(path)) is not None:
        raise VolumeError(fault)
    if path.is_dir():
        return FileSet(path, _files_below(path), path)
    if not path.exists():
        raise VolumeError(f"{path} does not exist; check the path.")
    if not path.is_file():
        raise VolumeError(f"{path} is not a regular file; give a DICOM folder, file or zip.")
    if path.name.lower() == _DICOMDIR:
        return FileSet(path, _files_of_dicomdir(path), path.parent)
    if path.name.lower().endswith(".zip"):
        return FileSet(path, _files_in_zip(path), None)
    beside = tuple(sorted(entry.name for entry in os.scandir(path.parent) if _is_regular(entry)))
    return FileSet(path, beside[:_MOST_FILES], path.parent, only=path.name)


def _files_below(root: Path) -> tuple[str, ...]:
    found: list[str] = []
    for folder, folders, _ in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for entry in os.scandir(folder):
            if _is_regular(entry) and entry.name.lower() != _DICOMDIR:
                found.append(os.path.relpath(entry.path, root))
        if len(found) > _MOST_FILES:
            raise VolumeError(
                f"{root} holds more than {_MOST_FILES} files; give the folder of one examination."
            )
    return tuple(sorted(found))


def _is_regular(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.name.startswith(".") and stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return False


def _files_of_dicomdir(path: Path) -> tuple[str, ...]:
    pydicom_for(path)
    try:
        with quiet():
            with path.open("rb") as stream:
                records = parse(stream).DirectoryRecordSequence
            listed = [
                _parts(record.ReferencedFileID)
                for record in records
                if record.DirectoryRecordType == "IMAGE"
            ]
    except Exception as error:  # whatever pydicom meets in a damaged file
        raise VolumeError(
            f"{path} is not a readable DICOMDIR; give the folder of the images instead."
        ) from error
    if not listed:
        raise VolumeError(f"{path} lists no images; give the folder of the images instead.")
    found, missing = [], 0
    for parts in listed:
        name = _on_disk(path.parent, parts)
        if name is None:
            missing += 1
        else:
            found.append(name)
    if missing:
        raise VolumeError(
            f"{path} lists {len(listed)} images, and {missing} of them do not exist beside it; "
            "copy the whole disc, or give the folder of the images."
        )
    return tuple(sorted(found))


def _parts(reference: object) -> tuple[str, ...]:
    parts = (reference,) if isinstance(reference, str) else tuple(reference)  # type: ignore[arg-type]
    return tuple(str(part) for part in parts)


def _on_disk(folder: Path, parts: tuple[str, ...]) -> str | None:
    """Name of a file that a DICOMDIR lists; copies of discs may be in lower case."""
    for spelled in (parts, tuple(part.lower() for part in parts)):
        name = os.path.join(*spelled)  # noqa: PTH118 - a name, not a path
        inside = not any(part in ("..", "") or Path(part).is_absolute() for part in spelled)
        if inside and (folder / name).is_file():
            return name
    return None


def _files_in_zip(path: Path) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise VolumeError(f"{path} is not a readable zip archive; copy it again.") from error
    for each in members:
        name = PurePosixPath(each.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            raise VolumeError(
                f"{path} has names that lead out of the archive, so it is not read; unpack it "
                "with care and give the folder."
            )
    if any(each.flag_bits & 1 for each in members):
        raise VolumeError(f"{path} is encrypted; unpack it and give the folder.")
    size = sum(each.file_size for each in members)
    if size > _MOST_BYTES_IN_ZIP or len(members) > _MOST_FILES:
        raise VolumeError(
            f"{path} holds {len(members)} files of {size / 2**30:.1f} GiB unpacked, more than the "
            f"{_MOST_BYTES_IN_ZIP >> 30} GiB or {_MOST_FILES} files that are read from an archive; "
            "unpack it and give the folder of one examination."
        )
    return tuple(sorted(each.filename for each in members))


def _damaged_zip(path: Path) -> str:
    return (
        f"{path} is damaged, or packed by a method that is not read; copy it again, or unpack it "
        "and give the folder."
    )


def _has_magic(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(_MAGIC_AT + 4)[_MAGIC_AT:] == _MAGIC
    except OSError:
        return False
