"""A file as a user names it, with the channel or series that is meant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from anofpdm.common.user_path import user_path

if TYPE_CHECKING:
    from anofpdm.scans.files.header_form import Form
    from anofpdm.scans.volume import Volume

# A name of one letter before the colon is a drive of Windows.
_CHANNEL = re.compile(r"(?P<path>.{2,}):(?P<channel>\d{1,9})", re.DOTALL)
_SERIES = re.compile(r"(?P<path>.+)#(?P<series>[^#]+)", re.DOTALL)


class ImageFile(NamedTuple):
    """A file that holds a volume, or a DICOM folder, file or archive.

    Attributes
    ----------
    path : Path
    channel : int or None
        Which of its volumes, from 0; None where it holds one.
    series : str or None
        Which of its DICOM series; None where that is clear.
    """

    path: Path
    channel: int | None = None
    series: str | None = None

    @classmethod
    def of(cls, text: str) -> ImageFile:
        """Read ``FILE``, ``FILE:CHANNEL`` or ``FOLDER#SERIES``; an existing name goes before."""
        if user_path(text).exists():
            return cls(user_path(text))
        if (match := _SERIES.fullmatch(text)) and user_path(match["path"]).exists():
            return cls(user_path(match["path"]), series=match["series"])
        if match := _CHANNEL.fullmatch(text):
            return cls(user_path(match["path"]), int(match["channel"]))
        return cls(user_path(text))

    def read(
        self, modality: str | None = None, *, form: Form | None = None, keep_path: bool = False
    ) -> Volume:
        """Read the volume; see `read_volume`."""
        from anofpdm.scans.volume import read_volume

        return read_volume(
            self.path,
            modality,
            form=form,
            channel=self.channel,
            series=self.series,
            keep_path=keep_path,
        )
