"""DICOM files parsed by pydicom within bounds: a damaged one costs neither time nor memory."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

LARGEST_HEADER: Final = 32 << 20
"""Bytes that are read of a file besides pixels: frames of an enhanced image take up to 10 KB."""
_LARGEST_INFLATED: Final = 1 << 30
_DEFLATED: Final = b"1.2.840.10008.1.2.1.99"
_META_START: Final = 132
_LARGEST_META: Final = 1 << 16
_BLOCK: Final = 1 << 20
_PIXELS: Final = (0x7FE00008, 0x7FE00010)
"""Tags of the first kind of pixels (float) and of the last (integers)."""


def parse(
    stream: BinaryIO,
    *,
    pixels: int = 0,
    force: bool = False,
    only: Sequence[str] | None = None,
) -> Any:
    """Parse a DICOM file up to its pixels, or with them.

    Parameters
    ----------
    stream : file
        Can seek.
    pixels : int
        Most bytes that the pixels may take; 0 stops before them.
    force : bool
        Also parse a file without preamble.
    only : sequence of str, optional
        Keywords of the elements to keep.

    Returns
    -------
    pydicom.FileDataset

    Raises
    ------
    Exception
        Whatever pydicom meets in a damaged file; EOFError beyond the bounds.
    """
    from pydicom.filereader import read_partial
    from pydicom.tag import Tag

    last = _PIXELS[1] if pixels else _PIXELS[0] - 1

    def at_end(tag: Any, *_: object) -> bool:
        # Group 0 is in no file: the elements of a file that ends in zeros would never end.
        return int(tag) >> 16 == 0 or int(tag) > last

    _refuse_bomb(stream)
    tags: Any = None if only is None else [Tag(name) for name in only]
    bounded: Any = _Bounded(stream, LARGEST_HEADER + pixels)
    return read_partial(bounded, stop_when=at_end, force=force, specific_tags=tags)


def _refuse_bomb(stream: BinaryIO) -> None:
    """Refuse a deflated file that inflates beyond bounds; pydicom inflates it whole."""
    start = stream.tell()
    head = stream.read(_LARGEST_META)
    stream.seek(start)
    if _DEFLATED not in head:
        return
    stream.seek(start + _end_of_meta(head))
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while block := inflater.unconsumed_tail or stream.read(_BLOCK):
        size += len(inflater.decompress(block, _BLOCK))
        if size > _LARGEST_INFLATED:
            raise EOFError("inflates to more than any DICOM image")
        if inflater.eof:
            break
    stream.seek(start)


def _end_of_meta(head: bytes) -> int:
    """Where the elements of group 2 end, which are never deflated (PS3.10, 7.1)."""
    at = _META_START
    while head[at : at + 2] == b"\x02\x00":
        if head[at + 4 : at + 6] in (b"OB", b"OW", b"UN", b"UT", b"SQ"):
            at += 12 + int.from_bytes(head[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(head[at + 6 : at + 8], "little")
    return at


class _Bounded:
    """A file of which no more than a number of bytes is read."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream = stream
        self._left = most
        self.seek = stream.seek
        self.tell = stream.tell
        self.close = stream.close

    def read(self, count: int = -1) -> bytes:
        if count > self._left:
            raise EOFError("larger than any DICOM image of its size")
        found = self._stream.read(self._left + 1 if count < 0 else count)
        self._left -= len(found)
        if self._left < 0:
            raise EOFError("larger than any DICOM image of its size")
        return found
