"""Names of modalities, and scans matched to those of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from anofpdm.common.errors import SettingsError

Given = TypeVar("Given")

CONTRASTS = {
    "flair": "flair",
    "t2f": "flair",
    "t1": "t1",
    "t1w": "t1",
    "t1n": "t1",
    "t1ce": "t1ce",
    "t1c": "t1ce",
    "t1gd": "t1ce",
    "t2": "t2",
    "t2w": "t2",
    "dwi": "dwi",
    "adc": "adc",
    "swi": "swi",
    "pd": "pd",
}
"""How file names and descriptions spell contrasts (BraTS, BIDS, scanners), and how bundles do."""


def in_model_order(
    given: Mapping[str, Given], modalities: Sequence[str], option: str = "--image"
) -> dict[str, Given]:
    """Return what was given for each modality, in the model's order.

    Parameters
    ----------
    given : mapping of str to any
        A scan, or its file, by modality.
    modalities : sequence of str
        The model's.
    option : str
        The command line's option for a missing scan.

    Raises
    ------
    SettingsError
        When a modality is unknown to the model or missing.
    """
    wanted = ", ".join(modalities)
    if unknown := [name for name in given if name not in modalities]:
        raise SettingsError(
            f"The model reads {wanted}, not {' or '.join(unknown)}; choose a scan of "
            f"{'these modalities' if len(modalities) > 1 else 'this modality'}, or correct the "
            "name."
        )
    if missing := [name for name in modalities if name not in given]:
        raise SettingsError(
            f"The model reads {wanted}, but {' and '.join(missing)} is missing; add it ({option} "
            f"{missing[0]}=PATH)."
        )
    return {name: given[name] for name in modalities}
