"""A checkerboard of two scans on one grid, as a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.layers.windows import window_limits
from napari_anofpdm.space.layer_volume import layer_data, volume_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from anofpdm import Volume


def checkerboard(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    spacing: tuple[float, float, float],
    tile_mm: float,
) -> NDArray[np.float32]:
    """Take cubes of one array and of another in turn.

    Parameters
    ----------
    first, second : ndarray, one shape
        The first has the corner at index 0.
    spacing : tuple of float
        Size of a voxel along each axis, in mm.
    tile_mm : float
        Edge of a cube.
    """
    parity = np.zeros(first.shape, dtype=np.int8)
    for axis, size in enumerate(spacing):
        tiles = np.floor(np.arange(first.shape[axis]) * size / tile_mm).astype(np.int8) % 2
        parity += tiles.reshape([-1 if k == axis else 1 for k in range(3)])
    return np.where(parity % 2 == 0, first, second).astype(np.float32)


class Tiles:
    """Two scans from black to white, to be tiled.

    Parameters
    ----------
    fixed, moving : napari.layers.Layer
        Scans.

    Raises
    ------
    GeometryError
        When they are on different grids.
    """

    def __init__(self, fixed: Layer, moving: Layer) -> None:
        from anofpdm.scans.same_grid import on_grid_of

        self.grid = volume_of(fixed)
        other = on_grid_of(self.grid, volume_of(moving))
        self.name = f"checkerboard: {fixed.name}, {moving.name}"
        self._first, self._second = _scaled(self.grid), _scaled(other)

    def layer(self, tile_mm: float) -> Image:
        """Make the layer; its name says what it is made of."""
        from dataclasses import replace

        from napari.layers import Layer

        tiled = checkerboard(self._first, self._second, self.grid.spacing, tile_mm)
        data, attributes, _ = layer_data(replace(self.grid, data=tiled), self.name, "image")
        # The scan under it stays the one in view.
        attributes["metadata"] = {ROLE: "checkerboard"}
        made: Image = Layer.create(data, attributes | {"contrast_limits": (0.0, 1.0)}, "image")
        return made


def _scaled(volume: Volume) -> NDArray[np.float32]:
    data = np.nan_to_num(np.asarray(volume.data, dtype=np.float32))
    low, high = window_limits(data, "brain")
    scaled = np.clip((data - low) / max(high - low, 1e-6), 0, 1)
    return np.asarray(scaled, dtype=np.float32)
