"""Headers of NRRD and MetaImage, looked at before ITK reads them: some faults end its process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from anofpdm.common.errors import VolumeError
from anofpdm.common.pointer_files import missing_content
from anofpdm.scans.files.bounded_file import BoundedFile, damaged

_LARGEST: Final = 64 * 2**10
_LONGEST_LINE: Final = 1024
_MOST_DIMENSIONS: Final = 16
_DETACHED: Final = (".nhdr", ".mhd")
# The end of the text: an empty line of NRRD, the last field of MetaImage.
_END: Final = re.compile(rb"\r?\n\r?\n|^ElementDataFile *=[^\n]*(\n|\Z)", re.MULTILINE)
_DIMENSIONS: Final = re.compile(rb"^(?:dimension:|NDims *=) *(\S+)", re.MULTILINE | re.IGNORECASE)
_DATA_FILE: Final = re.compile(
    rb"^(?:data ?file:|ElementDataFile *=) *([^\r\n]+)", re.MULTILINE | re.IGNORECASE
)


def check_itk_header(path: Path) -> None:
    """Refuse a header that ITK cannot be given.

    Raises
    ------
    VolumeError
        When lines or the header as a whole are too long, the number of dimensions is none, or the
        file with the voxels is no regular one.
    """
    with BoundedFile(path) as file:
        head = file.head(_LARGEST)
    end = _END.search(head)
    text = head if end is None else head[: end.end()]
    if len(text) >= _LARGEST or (path.suffix.lower() in _DETACHED and len(head) >= _LARGEST):
        raise damaged(path, f"its header has more than {_LARGEST} bytes")
    if max(map(len, text.splitlines()), default=0) > _LONGEST_LINE:
        raise damaged(path, f"a line of its header has more than {_LONGEST_LINE} bytes")
    for number in _DIMENSIONS.findall(text):
        if not (number.isdigit() and len(number) <= 2 and 1 <= int(number) <= _MOST_DIMENSIONS):
            raise damaged(path, "its number of dimensions is impossible")
    for name in _DATA_FILE.findall(text):
        voxels = path.parent / name.decode("utf-8", "surrogateescape").strip()
        if (fault := missing_content(voxels)) is not None:
            raise VolumeError(fault)
