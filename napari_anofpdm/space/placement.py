"""Place a volume in the viewer: axial slices, radiological convention, world in mm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm import Volume
    from anofpdm.scans.geometry import ImageAxis, SliceGeometry

_ROUNDING = 1e-6  # pixels
WORLD_AXES = ("S", "P", "L")
WORLD_UNITS = ("mm", "mm", "mm")
RAS_TO_WORLD = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Takes RAS coordinates or directions to (S, P, L)."""


@dataclass(frozen=True)
class PlacedArray:
    """A volume's voxels in the form of a napari layer.

    The layer's world runs superior, posterior, left, in mm: the first axis is the axial slice, and
    napari, which draws rows downward, then shows anterior up and the patient's left on the right.

    Attributes
    ----------
    data : ndarray, shape (s, a, r)
        View of the voxels along the canonical axes; indices grow toward S, A and R.
    scale : tuple of float
        mm per voxel along each axis, negative where the index runs against the world axis.
    translate : tuple of float
        World position in mm of voxel (0, 0, 0).
    """

    data: NDArray[Any]
    scale: tuple[float, ...]
    translate: tuple[float, ...]


def place(volume: Volume) -> PlacedArray:
    """Place a volume along the viewer's axes.

    The placement is exact for every affine that only permutes, flips and scales the axes. An
    oblique volume is drawn unrotated about its own centre, because napari would drop the part of
    the rotation that leaves the slice.

    Parameters
    ----------
    volume : Volume
        Any orientation; results are still written with its own affine.
    """
    from anofpdm.scans.orientation import Orientation

    orientation = Orientation.of_affine(volume.affine)
    data = orientation.to_canonical(volume.data).transpose()
    affine = orientation.canonical_affine(volume.affine, volume.shape)
    return PlacedArray(data, *_grid(affine, data.shape))


@dataclass(frozen=True)
class NetworkGrid:
    """Placement of slices on the network's grid; one plane for each axial slice of the scan.

    Attributes
    ----------
    shape : tuple of int
        Axial slices of the scan, pixels toward P, pixels toward L.
    scale, translate : tuple of float
        As in `PlacedArray`, in mm.
    swapped : bool
        Whether rows and columns of the network's images are swapped.
    part : tuple of two slices
        Pixels, toward P and L, that lie on the scan. The network's margin around it is left out;
        napari would add it to the coronal and sagittal planes.
    """

    shape: tuple[int, int, int]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    swapped: bool
    part: tuple[slice, slice]

    def along_world(self, images: NDArray[Any]) -> NDArray[Any]:
        """View images (..., row, column) along the layer's axes (..., P, L)."""
        return (images.swapaxes(-2, -1) if self.swapped else images)[(..., *self.part)]


def place_network(geometry: SliceGeometry) -> NetworkGrid:
    """Place the network's slices along the viewer's axes, on the scan as `place` shows it.

    Parameters
    ----------
    geometry : SliceGeometry
        The geometry of an analysis.
    """
    slices = geometry.canonical_shape[2]
    scan_scale, scan_translate = _grid(
        geometry.canonical_affine, tuple(reversed(geometry.canonical_shape))
    )
    scale, translate = list(scan_scale), list(scan_translate)
    shape, part = [slices, 0, 0], [slice(None)] * 3
    for line in (geometry.rows, geometry.columns):
        world = 2 - line.axis
        first, last = _pixels_within(line, geometry.canonical_shape[line.axis], geometry.size)
        shape[world], part[world] = last + 1 - first, slice(first, last + 1)
        scale[world] = scan_scale[world] * line.step
        start = line.start + line.step * first
        translate[world] = scan_scale[world] * start + scan_translate[world]
    return NetworkGrid(
        (shape[0], shape[1], shape[2]),
        tuple(scale),
        tuple(translate),
        geometry.rows.axis == 0,
        (part[1], part[2]),
    )


def _pixels_within(line: ImageAxis, length: int, size: int) -> tuple[int, int]:
    """First and last pixel between the centres of the scan's outermost voxels; at least one."""
    ends = sorted((-line.start / line.step, (length - 1 - line.start) / line.step))
    first = max(math.ceil(ends[0] - _ROUNDING), 0)
    last = min(math.floor(ends[1] + _ROUNDING), size - 1)
    return min(first, size - 1), max(last, min(first, size - 1))


def place_point(geometry: SliceGeometry, point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the position of a point of the scan in the viewer, on the scan as `place` shows it.

    Parameters
    ----------
    geometry : SliceGeometry
        The geometry of an analysis.
    point : ndarray, shape (3,)
        RAS in mm, by the scan's true affine.

    Returns
    -------
    ndarray, shape (3,)
        World coordinates S, P, L in mm.
    """
    scale, translate = _grid(geometry.canonical_affine, tuple(reversed(geometry.canonical_shape)))
    voxel = np.linalg.solve(geometry.canonical_affine, np.append(point, 1.0))[:3]
    return np.asarray(voxel[::-1] * scale + np.asarray(translate), dtype=np.float64)


def scan_point(geometry: SliceGeometry, position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the point of the scan at a position in the viewer: the inverse of `place_point`.

    Parameters
    ----------
    geometry : SliceGeometry
        The geometry of an analysis.
    position : ndarray, shape (3,)
        World coordinates S, P, L in mm.

    Returns
    -------
    ndarray, shape (3,)
        RAS in mm, by the scan's true affine.
    """
    scale, translate = _grid(geometry.canonical_affine, tuple(reversed(geometry.canonical_shape)))
    voxel = (np.asarray(position) - np.asarray(translate)) / np.asarray(scale)
    point = geometry.canonical_affine @ np.append(voxel[::-1], 1.0)
    return np.asarray(point[:3], dtype=np.float64)


def _grid(
    canonical_affine: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and translate of voxels stored (s, a, r), unrotated about their centre."""
    spacing = np.linalg.norm(canonical_affine[:3, :3], axis=0)
    centre = (np.asarray(shape) - 1) / 2
    scale = RAS_TO_WORLD @ spacing
    middle = canonical_affine[:3, :3] @ centre[::-1] + canonical_affine[:3, 3]
    translate = RAS_TO_WORLD @ middle - scale * centre
    return tuple(scale.tolist()), tuple(translate.tolist())
