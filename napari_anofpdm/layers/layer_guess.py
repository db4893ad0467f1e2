"""Guess the content of layers from their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer

# Shorter names, such as "t1", occur in many words by chance.
_SAFE_INSIDE_WORDS = 4


def contrasts_in(name: str) -> frozenset[str]:
    """Return the contrasts that a name mentions, in the spelling of bundles.

    Parameters
    ----------
    name : str
        A layer's name, such as "sub-01_T1w" or "patient19_FLAIR".
    """
    from anofpdm.scans.modalities import CONTRASTS

    lower = name.lower()
    words = re.split(r"[^a-z0-9]+", lower)
    found = {CONTRASTS[word] for word in words if word in CONTRASTS}
    if not found:
        inside = (c for c in CONTRASTS if len(c) >= _SAFE_INSIDE_WORDS and c in lower)
        found = {CONTRASTS[contrast] for contrast in inside}
    return frozenset(found)


def of_one_head(one: Layer, other: Layer) -> bool:
    """Whether two scans surely show one head.

    They do if they are channels of one file, series of one DICOM study, or files of one folder
    that differ in contrast alone.

    Parameters
    ----------
    one, other : napari.layers.Layer
        Scans; one that was read from no file is of no other's head.
    """
    studies = [_study_of(one), _study_of(other)]
    if any(studies):
        return studies[0] == studies[1]
    first, second = _file_of(one), _file_of(other)
    if first is None or second is None or first.parent != second.parent:
        return False
    if first == second:
        return _channel_of(one) != _channel_of(other)
    contrasts, others = contrasts_in(first.name), contrasts_in(second.name)
    if not contrasts or not others or contrasts & others:
        return False
    from anofpdm.datasets.labels.label_file import proposed_subject

    return proposed_subject(first) == proposed_subject(second)


def _file_of(scan: Layer) -> Path | None:
    path: Path | None = getattr(scan.metadata.get("volume"), "path", None)
    return path


def _study_of(scan: Layer) -> str:
    source = getattr(scan.metadata.get("volume"), "source", None)
    return "" if source is None else source.series.study


def _channel_of(scan: Layer) -> int | None:
    channel: int | None = getattr(scan.metadata.get("volume"), "channel", None)
    return channel


def guess_scan(names: Sequence[str], modality: str) -> int | None:
    """Return the index of the layer that most likely holds a modality; the last of several.

    A layer whose name mentions another contrast is never chosen. A single layer whose name
    mentions no contrast is chosen.
    """
    named = [contrasts_in(name) for name in names]
    exact = [i for i, found in enumerate(named) if found == {modality}]
    mixed = [i for i, found in enumerate(named) if modality in found]
    if exact or mixed:
        return (exact or mixed)[-1]
    return 0 if len(names) == 1 and not named[0] else None


def guess_brain_mask(names: Sequence[str]) -> int | None:
    """Return the index of the layer whose name says that it is a brain mask, or None."""
    for i, name in enumerate(names):
        if re.search(r"brain[^a-z]*mask|mask[^a-z]*brain|\bbet\b.*mask", name.lower()):
            return i
    return None
