"""The lesions of a mask: its connected components, numbered from the largest down and measured."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from anofpdm.common.errors import SettingsError
from anofpdm.scans.orientation import Orientation

Affine = NDArray[np.float64]
Box = tuple[slice, ...]

_FACES = 0.5 * np.concatenate([np.eye(3), -np.eye(3)])
"""From a voxel's centre to the centres of its six faces, in voxels."""


@dataclass(frozen=True)
class Lesion:
    """One 26-connected component of a mask.

    Attributes
    ----------
    number : int
        1 for the largest; its value in `Lesions.labels`.
    voxels : int
    volume_ml : float
    diameter_mm : float
        Largest distance between two points of its surface, taken through the centres of the outer
        voxel faces: a row of n cubic voxels is n voxels long.
    first_slice, last_slice : int
        Canonical axial slices it reaches, counted from the feet up, both included.
    peak : float or None
        Largest value of the anomaly map in it; None without a map.
    centre_mm : tuple of float
        Centre of mass, RAS.
    """

    number: int
    voxels: int
    volume_ml: float
    diameter_mm: float
    first_slice: int
    last_slice: int
    peak: float | None
    centre_mm: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Lesions:
    """The lesions of one mask.

    Attributes
    ----------
    labels : ndarray of int32, shape of the mask
        0 outside, else the lesion's number.
    table : tuple of Lesion
        In order of their numbers: the largest first.
    voxel_volume_ml : float
    """

    labels: NDArray[np.int32]
    table: tuple[Lesion, ...]
    voxel_volume_ml: float

    @property
    def voxels(self) -> int:
        """Number of voxels of all lesions."""
        return sum(lesion.voxels for lesion in self.table)

    @property
    def volume_ml(self) -> float:
        """Volume of all lesions in millilitres."""
        return self.voxels * self.voxel_volume_ml

    def mask_without(self, numbers: Collection[int] = ()) -> NDArray[np.uint8]:
        """Return the mask, 0 and 1, without the lesions of these numbers."""
        kept = np.ones(len(self.table) + 1, dtype=np.uint8)
        kept[[0, *(number for number in numbers if 0 < number < len(kept))]] = 0
        return np.asarray(kept[self.labels], dtype=np.uint8)

    def matching(self, earlier: Lesions, numbers: Collection[int]) -> frozenset[int]:
        """Find lesions again after the settings, and so the numbers, have changed.

        Parameters
        ----------
        earlier : Lesions
            Of a mask on the same voxels.
        numbers : collection of int
            Numbers in `earlier`.

        Returns
        -------
        frozenset of int
            Numbers here: the lesions that share more voxels with the numbered ones of `earlier`
            than with its others.
        """
        if not numbers or not self.table or not earlier.table:
            return frozenset()
        wanted = np.zeros(len(earlier.table) + 1, dtype=bool)
        wanted[[number for number in numbers if 0 < number < len(wanted)]] = True
        both = (self.labels > 0) & (earlier.labels > 0)
        here, chosen = self.labels[both], wanted[earlier.labels[both]]
        length = len(self.table) + 1
        inside = np.bincount(here[chosen], minlength=length)
        outside = np.bincount(here[~chosen], minlength=length)
        return frozenset(np.flatnonzero(inside > outside).tolist())


def find_lesions(
    mask: NDArray[np.generic], affine: Affine, anomaly_map: NDArray[np.floating] | None = None
) -> Lesions:
    """Find and measure the 26-connected components of a mask, largest first.

    Parameters
    ----------
    mask : ndarray, shape (i, j, k)
        What is not 0 is lesion.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    anomaly_map : ndarray, shape of the mask, optional
        Gives each lesion its peak.

    Raises
    ------
    SettingsError
        When the mask is not 3-D, or the map has another shape.
    """
    if mask.ndim != 3 or (anomaly_map is not None and anomaly_map.shape != mask.shape):
        shapes = mask.shape if anomaly_map is None else f"{mask.shape} and {anomaly_map.shape}"
        raise SettingsError(f"Lesions need a 3-D mask and a map of its shape; got {shapes}.")
    labels = _numbered(mask)
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000.0
    orientation = Orientation.of_affine(affine)
    table = tuple(
        _measured(number, box, labels, affine, orientation, voxel_ml, anomaly_map)
        for number, box in enumerate(ndimage.find_objects(labels), start=1)
    )
    return Lesions(labels, table, voxel_ml)


def _numbered(mask: NDArray[np.generic]) -> NDArray[np.int32]:
    """Label by decreasing size; equal sizes keep the order in which they lie in the array."""
    inside = mask != 0
    labels = np.zeros(mask.shape, dtype=np.int32)
    boxes = ndimage.find_objects(inside.view(np.int8))
    if not boxes:
        return labels
    # Labelling costs by the voxel, and lesions fill a small part of a scan.
    box = boxes[0]
    found, count = ndimage.label(inside[box], structure=np.ones((3, 3, 3), dtype=bool))
    sizes = np.bincount(found.ravel(), minlength=count + 1)[1:]
    number_of = np.zeros(count + 1, dtype=np.int32)
    number_of[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    labels[box] = number_of[found]
    return labels


def _measured(
    number: int,
    box: Box,
    labels: NDArray[np.int32],
    affine: Affine,
    orientation: Orientation,
    voxel_ml: float,
    anomaly_map: NDArray[np.floating] | None,
) -> Lesion:
    inside = labels[box] == number
    corner = np.array([side.start for side in box])
    indices = np.argwhere(inside)
    centre = affine[:3, :3] @ (corner + indices.mean(axis=0)) + affine[:3, 3]
    first, last = _slices(box, labels.shape, orientation)
    return Lesion(
        number=number,
        voxels=len(indices),
        volume_ml=len(indices) * voxel_ml,
        diameter_mm=_diameter(inside, affine),
        first_slice=first,
        last_slice=last,
        peak=None if anomaly_map is None else float(anomaly_map[box][inside].max()),
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
    )


def _slices(box: Box, shape: tuple[int, ...], orientation: Orientation) -> tuple[int, int]:
    axis = orientation.axes[2]
    first, last = box[axis].start, box[axis].stop - 1
    if orientation.flips[2]:
        first, last = shape[axis] - 1 - last, shape[axis] - 1 - first
    return int(first), int(last)


def _diameter(inside: NDArray[np.bool_], affine: Affine) -> float:
    """Largest distance between outer face centres; only the ends of each row can be corners."""
    lower = inside.argmax(axis=0)
    upper = inside.shape[0] - 1 - inside[::-1].argmax(axis=0)
    rows = np.argwhere(inside.any(axis=0))
    j, k = rows.T
    ends = np.concatenate(
        [np.column_stack([end[j, k], rows]) for end in (lower, upper)], dtype=np.float64
    )
    faces = (ends[:, None, :] + _FACES).reshape(-1, 3) @ affine[:3, :3].T
    corners = faces[ConvexHull(faces).vertices]
    return float(pdist(corners).max())
