"""Whether two volumes share their voxels, also when one is stored along other axes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError
from anofpdm.scans.files.header_space import SHIFT_VOXELS
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.volume import Volume


def on_grid_of(grid: Volume, volume: Volume) -> Volume:
    """Return a volume on the voxels of another, its axes permuted and flipped where needed.

    Parameters
    ----------
    grid : Volume
        Whose voxels they must be.
    volume : Volume
        Its voxels may be stored along other axes, but must lie on those of `grid` to a tenth of a
        voxel.

    Returns
    -------
    Volume
        `volume` itself where the axes agree; else a view of its voxels with the affine and the
        header of `grid`.

    Raises
    ------
    GeometryError
        When the voxels do not coincide: naming both, how far apart they are, and the remedy.
    """
    turn = _turn(grid, volume)
    turned = turn.to_canonical(volume.data)
    affine = turn.canonical_affine(volume.affine, volume.shape)
    apart = _corners_apart(grid, affine, turned.shape)
    if turned.shape != grid.shape or apart > SHIFT_VOXELS * min(grid.spacing):
        raise GeometryError(_difference(grid, volume, turned.shape, affine, apart))
    if turn == _AS_IT_IS:
        return volume
    return replace(volume, data=turned, affine=grid.affine, header=grid.header)


_AS_IT_IS = Orientation((0, 1, 2), (False, False, False))


def _turn(grid: Volume, volume: Volume) -> Orientation:
    """Permutation and flips that bring the axes of a volume nearest to those of a grid."""
    wanted = grid.affine[:3, :3] / np.array(grid.spacing)
    along = wanted.T @ (volume.affine[:3, :3] / np.array(volume.spacing))
    # Of oblique axes two may lie nearest to the same one; the best fit of all three counts.
    axes = max(_PERMUTATIONS, key=lambda p: float(sum(abs(along[k, p[k]]) for k in range(3))))
    i, j, k = (bool(along[axis, axes[axis]] < 0) for axis in range(3))
    return Orientation(axes, (i, j, k))


_PERMUTATIONS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def _corners_apart(grid: Volume, affine: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """Largest distance in mm between corners that would have to coincide."""
    first, second = _corners(grid.affine, grid.shape), _corners(affine, shape)
    return float(np.linalg.norm(first - second, axis=1).max())


def _corners(affine: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    corners = np.array(list(product((0, 1), repeat=3))) * (np.array(shape) - 1)
    return np.asarray(corners @ affine[:3, :3].T + affine[:3, 3])


def _difference(
    grid: Volume,
    volume: Volume,
    shape: tuple[int, ...],
    affine: NDArray[np.float64],
    apart: float,
) -> str:
    if shape != grid.shape:
        how = f"shapes {grid.shape} and {volume.shape}, corners up to {apart:.3g} mm apart"
    else:
        how = (
            f"their affines place the same voxel up to {apart:.3g} mm apart; origins "
            f"{_origin(grid.affine)} and {_origin(affine)} mm"
        )
    return (
        f"{grid.name} and {volume.name} are on different grids ({how}); "
        "resample one onto the other first."
    )


def _origin(affine: NDArray[np.float64]) -> list[float]:
    return [round(float(x), 2) for x in affine[:3, 3]]
