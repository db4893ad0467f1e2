"""Where a volume stands in the viewer: axial slices, radiological convention, world in mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm import Volume

WORLD_AXES = ("S", "P", "L")
WORLD_UNITS = ("mm", "mm", "mm")
RAS_TO_WORLD = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Takes RAS coordinates or directions to (S, P, L)."""


@dataclass(frozen=True)
class PlacedArray:
    """A volume's voxels as a napari layer takes them.

    The layer's world runs superior, posterior, left, in mm: the first axis is the axial slice, and
    napari, which draws rows downward, then shows anterior up and the patient's left on the right.

    Attributes
    ----------
    data : ndarray, shape (s, a, r)
        View of the voxels along the canonical axes; indices grow toward S, A and R.
    scale : tuple of float
        mm a voxel along each axis, negative where the index runs against the world.
    translate : tuple of float
        World position in mm of voxel (0, 0, 0).
    """

    data: NDArray[Any]
    scale: tuple[float, ...]
    translate: tuple[float, ...]


def place(volume: Volume) -> PlacedArray:
    """Bring a volume to the viewer's axes.

    The placement is exact for every affine that only permutes, flips and scales the axes. An
    oblique volume is drawn unrotated about its own centre, for napari would drop the part of the
    rotation that leaves the slice.

    Parameters
    ----------
    volume : Volume
        Any orientation; its affine stays what results are written with.
    """
    from anofpdm.orientation import Orientation

    orientation = Orientation.of_affine(volume.affine)
    canonical = orientation.to_canonical(volume.data)
    affine = orientation.canonical_affine(volume.affine, volume.shape)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    centre = (np.asarray(canonical.shape) - 1) / 2
    scale = RAS_TO_WORLD @ spacing
    world_centre = RAS_TO_WORLD @ (affine[:3, :3] @ centre + affine[:3, 3])
    translate = world_centre - scale * centre[::-1]
    return PlacedArray(canonical.transpose(), tuple(scale.tolist()), tuple(translate.tolist()))
