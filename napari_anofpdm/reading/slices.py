"""Go through the slices of the scan in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_anofpdm.space.head_box import scan_in_front
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.viewer import Viewer

_UPWARD = {"S": 1, "P": -1, "L": 1}
"""Sign along each world axis of a step toward superior, anterior and left."""


def has_slices(viewer: Viewer) -> bool:
    """Return whether a viewer shows one slice of a scan."""
    return (
        viewer.dims.ndisplay == 2
        and viewer.dims.ndim >= len(WORLD_AXES)
        and scan_in_front(viewer) is not None
    )


def axis_through(viewer: Viewer) -> str | None:
    """Return the world axis across the slices of a viewer, "S", "P" or "L"; None if none is."""
    dims = viewer.dims
    first = dims.ndim - len(WORLD_AXES)
    hidden = [k for k in range(max(first, 0), dims.ndim) if k not in dims.displayed]
    return WORLD_AXES[hidden[-1] - first] if hidden else None


def move_slice(viewer: Viewer, by: int, axis: str | None = None) -> None:
    """Go to another slice of the scan in front; at the ends of the scan nothing moves.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that holds the scan.
    by : int
        Slices toward superior, anterior or left.
    axis : {"S", "P", "L"}, optional
        The axis across the slices; by default that of the viewer.
    """
    scan = scan_in_front(viewer)
    axis = axis_through(viewer) if axis is None else axis
    if scan is None or axis is None:
        return
    at = WORLD_AXES.index(axis) - len(WORLD_AXES)
    scale, translate = float(scan.scale[at]), float(scan.translate[at])
    here = round((float(viewer.dims.point[at]) - translate) / scale)
    there = here + by * _UPWARD[axis] * int(np.sign(scale))
    there = min(max(there, 0), scan.data.shape[at] - 1)
    viewer.dims.set_point(viewer.dims.ndim + at, translate + there * scale)
