"""Which file is which modality: the `--image MODALITY=PATH` options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from anofpdm.common.atomic import AtomicTarget
from anofpdm.common.errors import SettingsError
from anofpdm.common.user_path import user_path

_SPEC = re.compile(r"(?P<modality>[A-Za-z0-9_-]+)=(?P<path>.+)", re.DOTALL)


def images_by_modality(specs: Sequence[str], modalities: Sequence[str]) -> dict[str, Path]:
    """Assign the files given to the model's modalities.

    Parameters
    ----------
    specs : sequence of str
        Each ``MODALITY=PATH``; a lone ``PATH`` will do for a model of one modality.
    modalities : sequence of str
        The model's, lower case.

    Returns
    -------
    dict of str to Path
        One existing path a modality, in the model's order.

    Raises
    ------
    SettingsError
        When a modality is unknown, missing or given twice, or a path has none.
    """
    reads = ", ".join(modalities)
    found: dict[str, Path] = {}
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None and len(modalities) > 1:
            raise SettingsError(
                f"--image {spec} names no modality; write --image MODALITY=PATH, where the model "
                f"reads {reads}."
            )
        modality = match["modality"].lower() if match else modalities[0]
        if modality not in modalities:
            raise SettingsError(
                f"--image {spec} gives the modality {modality}, but the model reads {reads}; name "
                "it as the model does, or leave it out."
            )
        if modality in found:
            raise SettingsError(f"--image gives the modality {modality} twice; give it once.")
        found[modality] = user_path(match["path"] if match else spec)
    missing = [modality for modality in modalities if modality not in found]
    if missing:
        raise SettingsError(
            f"The model reads {reads}, and {' and '.join(missing)} is missing; add --image "
            f"{missing[0]}=PATH."
        )
    return {modality: found[modality] for modality in modalities}


def check_new_path(path: Path) -> None:
    """Say now, not after the work, that a new file or folder cannot be made at `path`.

    Raises
    ------
    OutputError
        When `path` exists or cannot be written.
    """
    AtomicTarget(path).discard()
