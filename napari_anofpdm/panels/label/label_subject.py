"""Whose slices a scan shows: the name that is proposed, and what speaks against one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer

SUPERIOR = -3
"""Axis of the world that runs toward the head, from the last."""


def slice_count(scan: Layer) -> int:
    """Axial slices of a scan."""
    return int(scan.data.shape[SUPERIOR])


def proposed_name(scan: Layer) -> str:
    """Guess how `prepare` names the subject of a scan; a layer without a file has its own name."""
    from anofpdm.datasets.labels.label_file import proposed_subject

    path = _file_of(scan)
    return str(scan.name) if path is None else proposed_subject(path)


def fault_of_name(name: str, scan: Layer, scans: Sequence[Layer], last: int) -> str:
    """Tell why labels of a scan under a name would be another subject's; "" where they are not.

    Parameters
    ----------
    name : str
        The subject's.
    scan : Layer
        What is to be labelled.
    scans : sequence of Layer
        All that are open.
    last : int
        The last slice that is unhealthy by the labels under that name; 0 without any.
    """
    count = slice_count(scan)
    if last >= count:
        return (
            f"The labels of {name} end at slice {last}, but this scan has {count} slices; "
            "name the subject that it shows to label it."
        )
    for other in scans:
        if other != scan and proposed_name(other) == name and not _alike(other, scan):
            return (
                f"{name} is also the name of another scan, {_file_of(other) or other.name}; "
                "give this one a name of its own to label it."
            )
    return ""


def _file_of(scan: Layer) -> Path | None:
    """Give the file that a layer was read from, where it was read from one."""
    path: Path | None = getattr(scan.metadata.get("volume"), "path", None)
    return path


def _alike(one: Layer, other: Layer) -> bool:
    """Whether two scans may be of one examination: same folder, same slices."""
    folders = [path.parent for path in (_file_of(one), _file_of(other)) if path is not None]
    return len(set(folders)) <= 1 and slice_count(one) == slice_count(other)
