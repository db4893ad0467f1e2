"""Dataset layouts on disk: each layout turns a source into `Case`s.

Imports `datasets.labels`, `scans` and `common`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from anofpdm.common.errors import DatasetError
from anofpdm.common.pointer_files import missing_content
from anofpdm.datasets.case import Found
from anofpdm.datasets.layouts.bids import ATLAS_ENTITIES, bids_cases
from anofpdm.datasets.layouts.brats import brats_cases
from anofpdm.datasets.layouts.table import table_cases, table_modalities
from anofpdm.scans.modalities import CONTRASTS

Layout = Literal["brats", "atlas", "bids", "table"]

# What each layout's published models read, and what the anomaly map is made of.
_MODALITIES: Final[dict[str, tuple[str, ...]]] = {
    "brats": ("flair", "t1", "t1ce", "t2"),
    "atlas": ("t1",),
}
_SCORED: Final[dict[str, tuple[str, ...]]] = {"brats": ("flair", "t2")}


def find_cases(
    source: Path,
    layout: Layout,
    modalities: Sequence[str],
    match: Mapping[str, str],
    leave_out: Path | None = None,
) -> Found:
    """List the examinations that a source holds, sorted by subject.

    Parameters
    ----------
    source : Path
        A folder, or a CSV file for the layout "table".
    layout : {"brats", "atlas", "bids", "table"}
        How it is arranged.
    modalities : sequence of str
        What the model reads; cases that lack one carry a `problem`.
    match : mapping of str to str
        BIDS entities that a scan's name must have; "" for none of that entity.
    leave_out : Path, optional
        A folder in a BIDS folder whose files are not listed.

    Raises
    ------
    DatasetError
        When the source cannot be read or holds no case.
    """
    if (fault := missing_content(source)) is not None:
        raise DatasetError(fault)
    if layout != "table":
        _check_spelling(modalities)
    if layout == "table":
        found = table_cases(source, modalities)
    elif not source.is_dir():
        raise DatasetError(f"{source} is not a folder; choose the folder with the subjects.")
    elif layout == "brats":
        found = brats_cases(source, modalities)
    else:
        entities = {**ATLAS_ENTITIES, **match} if layout == "atlas" else match
        found = bids_cases(source, modalities, entities, leave_out)
    if not found.cases:
        seen = next((f"; {one.name} {one.reason}" for one in found.left_alone), "")
        raise DatasetError(
            f"{source} contains no subject in the layout {layout} (docs/datasets.md lists its file "
            f"names{seen}); choose another folder or another layout."
        )
    return found


def default_modalities(source: Path, layout: Layout) -> tuple[str, ...]:
    """Default modalities, in order.

    Raises
    ------
    DatasetError
        When the layout has none of its own.
    """
    if layout == "table":
        return table_modalities(source)
    if layout not in _MODALITIES:
        raise DatasetError(
            f"The layout {layout} needs the modalities that the model reads; add them, such as "
            "--modality flair --modality t1."
        )
    return _MODALITIES[layout]


def default_scored(layout: Layout, modalities: Sequence[str]) -> tuple[str, ...]:
    """Those of `modalities` that the anomaly map is read from: BraTS's FLAIR and T2, else all."""
    return tuple(m for m in modalities if m in _SCORED.get(layout, ())) or tuple(modalities)


def _check_spelling(modalities: Sequence[str]) -> None:
    """Refuse a contrast as file names spell it: it would be found in no file."""
    for modality in modalities:
        known = CONTRASTS.get(modality.lower(), modality)
        if known != modality:
            raise DatasetError(f"The modality {modality} is called {known} here; write {known}.")
