"""Which file, and which channel or series of it, is which modality: the `--image` options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from anofpdm.common.errors import AnofpdmError, SettingsError, VolumeError
from anofpdm.common.pointer_files import missing_content
from anofpdm.scans.modalities import in_model_order
from anofpdm.segmentation.image_file import ImageFile

_SPEC = re.compile(r"(?P<modality>[A-Za-z0-9_-]+)=(?P<path>.+)", re.DOTALL)


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


def check_existence(files: Iterable[ImageFile | None]) -> None:
    """Raise VolumeError for a file that does not exist, before what takes seconds to import."""
    for file in files:
        if file is not None and not file.path.exists():
            raise VolumeError(f"{file.path} does not exist; check the path.")


def check_path(path: Path, error: type[AnofpdmError]) -> None:
    """Raise `error` where nothing can be read at `path`, before what takes seconds to import."""
    if (fault := missing_content(path)) is not None:
        raise error(fault)
    if not path.exists():
        raise error(f"{path} does not exist; check the path.")


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
