"""The point under the pointer: its coordinates and the values of scan and map there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.space.frame import Frame
from napari_anofpdm.space.head_box import scan_in_front
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))  # of negative and positive RAS coordinates


def words_at(viewer: Viewer, position: Sequence[float]) -> str:
    """Return coordinates in mm and values at a point, or "" outside the scan.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that holds the scan and the map.
    position : sequence of float
        World coordinates; the last three run along S, P and L, in mm.

    Returns
    -------
    str
        As in "R 12.3  A 40.1  S 55.0 mm  ·  scan 412  ·  map 0.031". The coordinates are those of
        the scan's own affine, oblique ones included.
    """
    scan = scan_in_front(viewer)
    if scan is None or len(position) < len(WORLD_AXES):
        return ""
    world = np.asarray(position, dtype=np.float64)[-len(WORLD_AXES) :]
    value = _value_at(scan, world)
    if value is None:
        return ""
    ras = Frame.of(scan.metadata["volume"]).to_ras(world)
    words = [f"{_in_words(ras)} mm", f"scan {value:.4g}"]
    found = next((each for each in viewer.layers if each.metadata.get(ROLE) == "map"), None)
    strength = None if found is None else _value_at(found, world)
    if strength is not None:
        words.append(f"map {strength:.3g}")
    return "  ·  ".join(words)


def _index_of(layer: Layer, world: NDArray[np.float64]) -> NDArray[np.float64]:
    scale, translate = np.asarray(layer.scale), np.asarray(layer.translate)
    return np.asarray((world - translate[-len(world) :]) / scale[-len(world) :])


def _value_at(layer: Layer, world: NDArray[np.float64]) -> float | None:
    index = np.rint(_index_of(layer, world)).astype(int)
    shape = np.asarray(layer.data.shape[-len(world) :])
    if np.any(index < 0) or np.any(index >= shape):
        return None
    return float(layer.data[tuple(int(k) for k in index)])


def _in_words(ras: NDArray[np.float64]) -> str:
    return "  ".join(
        f"{letters[int(value >= 0)]} {abs(value):.1f}"
        for value, letters in zip(ras, _LETTERS, strict=True)
    )
