"""Which file, and which channel or series of it, is which modality: the `--image` options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from anofpdm.common.errors import SettingsError
from anofpdm.common.user_path import user_path
from anofpdm.scans.modalities import in_model_order

if TYPE_CHECKING:
    from anofpdm.scans.files.header_form import Form
    from anofpdm.scans.volume import Volume

# A name of one letter before the colon is a drive of Windows.
_CHANNEL = re.compile(r"(?P<path>.{2,}):(?P<channel>\d{1,9})", re.DOTALL)
_SERIES = re.compile(r"(?P<path>.+)#(?P<series>[^#]+)", re.DOTALL)
_SPEC = re.compile(r"(?P<modality>[A-Za-z0-9_-]+)=(?P<path>.+)", re.DOTALL)


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


def images_by_modality(
    specs: Sequence[str], modalities: Sequence[str], option: str = "--image"
) -> dict[str, ImageFile]:
    """Assign the files given to the model's modalities.

    Parameters
    ----------
    specs : sequence of str
        Each ``MODALITY=FILE``, ``MODALITY=FILE:CHANNEL`` or ``MODALITY=FOLDER#SERIES``, or just
        the file for a model with one modality.
    modalities : sequence of str
        The model's, lower case.
    option : str
        The option that gave the files, for messages.

    Returns
    -------
    dict of str to ImageFile
        One for each modality, in the model's order.

    Raises
    ------
    SettingsError
        When a modality is unknown, missing or given twice, or a path has none.
    """
    found: dict[str, ImageFile] = {}
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None and len(modalities) > 1:
            raise SettingsError(
                f"{option} {spec} has no modality; write {option} MODALITY=PATH (the model reads "
                f"{', '.join(modalities)})."
            )
        modality = match["modality"].lower() if match else modalities[0]
        if modality in found:
            raise SettingsError(f"{option} gives the modality {modality} twice; give it only once.")
        found[modality] = ImageFile.of(match["path"] if match else spec)
    return in_model_order(found, modalities, option)


def named_images(specs: Sequence[str]) -> dict[str, ImageFile]:
    """Assign files to the modalities that are given with them, in the order given.

    Raises
    ------
    SettingsError
        When a file has no modality, or a modality comes twice.
    """
    matches = {spec: _SPEC.fullmatch(spec) for spec in specs}
    if nameless := [spec for spec, match in matches.items() if match is None]:
        raise SettingsError(
            f"--image {nameless[0]} has no modality; write --image MODALITY=PATH, such as flair=..."
        )
    names = [match["modality"].lower() for match in matches.values() if match is not None]
    return images_by_modality(specs, names)
