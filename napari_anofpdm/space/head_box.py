"""The box around the head or brain of a scan: what the canvas is fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

Box = NDArray[np.float64]
_LARGEST = 64  # samples along an axis; the box is as exact as its voxels are wide
_ROLE = "anofpdm_role"  # of what the plugin draws itself, as `layers` marks it
_LEAST = 0.002  # share of a plane's voxels; single bright voxels outside do not count

_known: WeakKeyDictionary[Layer, tuple[int, Box]] = WeakKeyDictionary()


def head_box(layer: Layer) -> Box:
    """Return the first and last corner of the foreground of a scan, S, P, L in mm, shape (2, 3).

    Without any foreground, as in a mask, it is the box of the whole layer.

    Parameters
    ----------
    layer : napari.layers.Layer
        A scan whose last three axes run along the world's; the box is computed once.
    """
    layer = getattr(layer, "__wrapped__", layer)
    known = _known.get(layer)
    if known is not None and known[0] == id(layer.data):
        return known[1]
    box = _box(layer)
    _known[layer] = (id(layer.data), box)
    return box


def box_of(layer: Layer) -> Box:
    """Return the first and last corner of a layer, S, P, L in mm, shape (2, 3)."""
    return np.asarray(layer.extent.world, dtype=np.float64)[:, -len(WORLD_AXES) :]


def scan_in_front(viewer: Viewer) -> Layer | None:
    """Return the topmost visible scan of a viewer, or the topmost one where all are hidden."""
    scans = [layer for layer in viewer.layers if is_placed_scan(layer)]
    shown = [layer for layer in scans if layer.visible] or scans
    return shown[-1] if shown else None


def is_placed_scan(layer: Layer) -> bool:
    """Return whether a layer is a scan in the plugin's world, not one of its results."""
    from napari.layers import Image

    known = layer.metadata
    placed = layer.axis_labels[-len(WORLD_AXES) :] == WORLD_AXES
    return placed and isinstance(layer, Image) and "volume" in known and _ROLE not in known


def _box(layer: Layer) -> Box:
    data = layer.data
    whole = box_of(layer)
    if not isinstance(data, np.ndarray) or data.ndim != len(WORLD_AXES):
        return whole
    inside = _foreground(data)
    if inside is None:
        return whole
    first, last = inside
    scale, translate = np.asarray(layer.scale), np.asarray(layer.translate)
    corners = np.array([translate + scale * first, translate + scale * last])
    return np.array([corners.min(axis=0), corners.max(axis=0)])


def _foreground(data: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    from anofpdm.scans.foreground import CleanVoxels, foreground_of

    strides = [max(1, -(-size // _LARGEST)) for size in data.shape]
    thin = data[tuple(slice(None, None, stride) for stride in strides)]
    found = foreground_of(CleanVoxels(thin))
    first, last = [], []
    for axis, stride in enumerate(strides):
        others = tuple(other for other in range(found.ndim) if other != axis)
        filled = np.flatnonzero(found.mean(axis=others) > _LEAST)
        if not filled.size:
            return None
        first.append(max(int(filled[0]) - 1, 0) * stride)
        last.append(min((int(filled[-1]) + 1) * stride, data.shape[axis] - 1))
    return np.array(first), np.array(last)
