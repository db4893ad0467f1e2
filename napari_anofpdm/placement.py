"""Where a volume stands in the viewer: axial slices, radiological convention, world in mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORLD_AXES = ("S", "P", "L")
WORLD_UNITS = ("mm", "mm", "mm")
# Signs that take RAS coordinates to the directions of WORLD_AXES.
_RAS_TO_WORLD_SIGN = {0: -1.0, 1: -1.0, 2: 1.0}


@dataclass(frozen=True)
class Placement:
    """How a voxel array becomes a napari layer.

    The layer's world runs superior, posterior, left, in mm: the first axis is the axial slice, and
    napari, which draws rows downward, then shows anterior up and the patient's left on the right.
    Only the order of the array's axes changes; flips are signs of `scale`.

    Parameters
    ----------
    order : tuple of int
        Axis of the volume's array that becomes the layer's axis 0, 1, 2.
    scale : tuple of float
        Signed mm a voxel along each of the layer's axes.
    translate : tuple of float
        World position in mm of the layer's voxel (0, 0, 0).
    """

    order: tuple[int, int, int]
    scale: tuple[float, float, float]
    translate: tuple[float, float, float]


def placement(affine: NDArray[np.float64], shape: tuple[int, int, int]) -> Placement:
    """Find the canonical placement nearest to an affine.

    An oblique volume is drawn unrotated about its own centre, for napari would drop the part of
    the rotation that leaves the slice.

    Parameters
    ----------
    affine : array of shape (4, 4)
        Voxel indices to RAS+ mm.
    shape : tuple of int
        Shape of the volume's array.

    Returns
    -------
    Placement
        Exact for every affine that only permutes, flips and scales the axes.
    """
    from nibabel.orientations import io_orientation

    orientation = io_orientation(affine)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    centre_index = (np.asarray(shape) - 1) / 2
    centre_ras = affine[:3, :3] @ centre_index + affine[:3, 3]
    order, scale, translate = [], [], []
    for ras_axis in (2, 1, 0):
        axis = int(np.flatnonzero(orientation[:, 0] == ras_axis)[0])
        world_sign = _RAS_TO_WORLD_SIGN[ras_axis]
        step = float(world_sign * orientation[axis, 1] * spacing[axis])
        order.append(axis)
        scale.append(step)
        translate.append(float(world_sign * centre_ras[ras_axis] - step * centre_index[axis]))
    return Placement(
        order=(order[0], order[1], order[2]),
        scale=(scale[0], scale[1], scale[2]),
        translate=(translate[0], translate[1], translate[2]),
    )
