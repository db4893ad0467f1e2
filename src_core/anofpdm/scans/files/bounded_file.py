"""Content of a file, unpacked where it is packed, of no more bytes than its header declares."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from anofpdm.common.errors import VolumeError
from anofpdm.common.memory import memory_fault
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.quantities import size_in_words

_GZIP_MAGIC: Final = b"\x1f\x8b"
# Deflate packs 258 bytes into two bits at best.
_LARGEST_RATIO: Final = 1032
# Some programs pad their files, or append notes of their own.
_SURPLUS: Final = 16 * 2**20
_BLOCK: Final = 2**20


class Declared(NamedTuple):
    """What a file's header declares.

    Attributes
    ----------
    least : int
        Bytes that the unpacked file must have.
    most : int
        Bytes that are read where it has more.
    decoded : int
        Bytes that its voxels take beside these once they are decoded.
    """

    least: int
    most: int
    decoded: int


class BoundedFile:
    """A file that is read in two steps: its head, and as much as that declares.

    Use as a context manager.

    Parameters
    ----------
    path : Path

    Raises
    ------
    VolumeError
        When there is no file, its content is elsewhere, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if (fault := missing_content(path)) is not None:
            raise VolumeError(fault)
        with _faults(path):
            self._file = path.open("rb")
            self._largest = path.stat().st_size
            self._packed = self._file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            self._file.seek(0)
        self._stream: io.BufferedReader | gzip.GzipFile = self._file
        if self._packed:
            self._stream = gzip.GzipFile(fileobj=self._file)
            self._largest *= _LARGEST_RATIO
        self._head = b""

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._file.close()

    def head(self, count: int) -> bytes:
        """Read the first `count` bytes, or fewer where the file is shorter.

        Raises
        ------
        VolumeError
            When it cannot be read or is damaged.
        """
        with _faults(self.path):
            self._head = self._stream.read(count)
        return self._head

    def whole(self, declared: Declared) -> bytearray:
        """Read the file, head included, as far as it declares.

        Raises
        ------
        VolumeError
            When it holds less than it declares or far more, is damaged, or memory does not
            suffice. Nothing large is allocated before.
        """
        if declared.least > self._largest:
            raise damaged(
                self.path,
                f"its header declares {_bytes(declared.least)}, and the file holds "
                f"{'at most ' if self._packed else ''}{_bytes(self._largest)}",
            )
        # Packing makes nothing much longer, and all that follows the packed data, zeros too, is
        # read to the end.
        if self._packed and self._largest // _LARGEST_RATIO > 1.01 * declared.most + _SURPLUS:
            raise self._surplus_fault(declared.most)
        count = max(min(declared.most, self._largest), len(self._head))
        check_memory(self.path, count + declared.decoded)
        content = bytearray(count)
        content[: len(self._head)] = self._head
        with _faults(self.path), memoryview(content) as view:
            end = len(self._head)
            while end < count and (got := self._stream.readinto(view[end : end + _BLOCK])):
                end += got
            if self._packed:
                # To the end, so that the checksum there is verified as well.
                self._pass_over(end)
        if end < declared.least:
            raise damaged(
                self.path,
                f"its header declares {_bytes(declared.least)}, and the file holds {_bytes(end)}",
            )
        del content[end:]
        return content

    def _pass_over(self, read: int) -> None:
        surplus = 0
        while block := self._stream.read(_BLOCK):
            surplus += len(block)
            if surplus > _SURPLUS:
                raise self._surplus_fault(read)

    def _surplus_fault(self, declared: int) -> VolumeError:
        return VolumeError(
            f"{self.path} holds far more than the {_bytes(declared)} that its header declares; "
            "convert the scan again."
        )


def check_memory(path: Path, needed: int) -> None:
    """Refuse a file whose voxels do not fit into memory.

    Raises
    ------
    VolumeError
        Naming the need and the remedy.
    """
    if (fault := memory_fault(needed)) is not None:
        raise VolumeError(
            f"{path} {fault}; close other programs, or cut or resample the scan to fewer voxels."
        )


def damaged(path: Path, error: BaseException | str) -> VolumeError:
    """Say that a file cannot be read whole."""
    said = error if isinstance(error, str) else first_line(error)
    return VolumeError(f"{path} is truncated or damaged ({said}); copy or convert it again.")


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line without a full stop."""
    text = str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".")


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise VolumeError(f"{path} does not exist; check the path.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, error) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        said = getattr(error, "strerror", None) or first_line(error)
        raise VolumeError(
            f"{path} cannot be read ({said}); choose a .nii or .nii.gz file."
        ) from error


def _bytes(count: int) -> str:
    return size_in_words(count) if count >= 2**20 else f"{count} bytes"
