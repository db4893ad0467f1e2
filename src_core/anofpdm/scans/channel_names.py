"""Which contrast each channel of a file is, by the ``dataset.json`` of its dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from anofpdm.common.errors import VolumeError
from anofpdm.common.reading import file_bytes
from anofpdm.scans.modalities import CONTRASTS

# Medical Segmentation Decathlon and nnU-Net 1; nnU-Net 2.
_KEYS = ("modality", "channel_names")


def channel_modalities(path: Path, count: int) -> tuple[str | None, ...]:
    """Return the modality of each channel, as bundles spell it; None where it is unknown.

    Parameters
    ----------
    path : Path
        A file with several channels. The ``dataset.json`` in its folder or the folder above
        describes it, as in the Medical Segmentation Decathlon.
    count : int
        Number of channels; a description of another number is not used.
    """
    for folder in (path.parent, path.absolute().parent.parent):
        names = _names(folder / "dataset.json")
        if len(names) == count and all(str(k) in names for k in range(count)):
            return tuple(_modality(names[str(k)]) for k in range(count))
    return (None,) * count


def _names(description: Path) -> dict[str, Any]:
    try:
        values = json.loads(file_bytes(description, VolumeError))
    except (VolumeError, ValueError, RecursionError):
        return {}
    found = values if isinstance(values, dict) else {}
    return next((found[key] for key in _KEYS if isinstance(found.get(key), dict)), {})


def _modality(name: object) -> str | None:
    return CONTRASTS.get(str(name).strip().lower())
