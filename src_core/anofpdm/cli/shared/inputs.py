"""The `--image MODALITY=PATH` options: which file holds which modality."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from anofpdm.common.atomic import AtomicTarget
from anofpdm.common.errors import SettingsError
from anofpdm.common.user_path import user_path

_SPEC = re.compile(r"(?P<modality>[A-Za-z0-9_-]+)=(?P<path>.+)", re.DOTALL)


def images_by_modality(specs: Sequence[str], modalities: Sequence[str]) -> dict[str, Path]:
    """Assign the given files to the model's modalities.

    Parameters
    ----------
    specs : sequence of str
        Each ``MODALITY=PATH``, or just ``PATH`` for a model with one modality.
    modalities : sequence of str
        The model's, lower case.

    Returns
    -------
    dict of str to Path
        One existing path for each modality, in the model's order.

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
                f"--image {spec} has no modality; write --image MODALITY=PATH (the model reads "
                f"{reads})."
            )
        modality = match["modality"].lower() if match else modalities[0]
        if modality not in modalities:
            raise SettingsError(
                f"--image {spec} has the modality {modality}, but the model reads {reads}; use the "
                "model's name, or leave the option out."
            )
        if modality in found:
            raise SettingsError(f"--image gives the modality {modality} twice; give it only once.")
        found[modality] = user_path(match["path"] if match else spec)
    missing = [modality for modality in modalities if modality not in found]
    if missing:
        raise SettingsError(
            f"The model reads {reads}, but {' and '.join(missing)} is missing; add --image "
            f"{missing[0]}=PATH."
        )
    return {modality: found[modality] for modality in modalities}


def check_new_path(path: Path) -> None:
    """Check before the work starts that a new file or folder can be created at `path`.

    Raises
    ------
    OutputError
        When `path` exists or cannot be written.
    """
    AtomicTarget(path).discard()
