"""The subject of a scan: the proposed name, and checks of a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer

SUPERIOR = -3
"""World axis that runs toward the head, counted from the last."""


def slice_count(scan: Layer) -> int:
    """Return the number of axial slices of a scan."""
    return int(scan.data.shape[SUPERIOR])


def proposed_name(scan: Layer) -> str:
    """Guess the name that `prepare` gives to a scan's subject; without a file, the layer's name."""
    from anofpdm.datasets.labels.label_file import proposed_subject

    path = _file_of(scan)
    return str(scan.name) if path is None else proposed_subject(path)


def fault_of_name(name: str, scan: Layer, scans: Sequence[Layer], last: int) -> str:
    """Return why a name must belong to another subject than the scan's, or "".

    Parameters
    ----------
    name : str
        Name of the subject.
    scan : Layer
        The scan to label.
    scans : sequence of Layer
        All open scans.
    last : int
        The last unhealthy slice in the labels of that name; 0 without labels.
    """
    count = slice_count(scan)
    if last >= count:
        return (
            f"The labels of {name} end at slice {last}, but this scan has {count} slices; "
            "enter the subject of this scan to label it."
        )
    for other in scans:
        if other != scan and proposed_name(other) == name and not _alike(other, scan):
            return (
                f"{name} is also the name of another scan, {_file_of(other) or other.name}; "
                "enter a different name for this scan to label it."
            )
    return ""


def _file_of(scan: Layer) -> Path | None:
    """Return the file that a layer was read from, or None."""
    path: Path | None = getattr(scan.metadata.get("volume"), "path", None)
    return path


def _alike(one: Layer, other: Layer) -> bool:
    """Return whether two scans may be of one examination: same folder, same slices."""
    folders = [path.parent for path in (_file_of(one), _file_of(other)) if path is not None]
    return len(set(folders)) <= 1 and slice_count(one) == slice_count(other)
