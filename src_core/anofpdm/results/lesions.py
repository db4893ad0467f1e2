"""The lesions of a mask: its connected components, numbered from the largest down and measured."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from anofpdm.common.errors import SettingsError
from anofpdm.method.lookup import counted, looked_up
from anofpdm.scans.orientation import Orientation

Affine = NDArray[np.float64]

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
        return looked_up(kept, self.labels)

    def without(self, numbers: Collection[int]) -> Lesions:
        """Return the other lesions, renumbered from the largest down."""
        kept = [lesion for lesion in self.table if lesion.number not in numbers]
        renumbered = np.zeros(len(self.table) + 1, dtype=np.int32)
        renumbered[[lesion.number for lesion in kept]] = np.arange(1, len(kept) + 1)
        table = tuple(replace(lesion, number=n) for n, lesion in enumerate(kept, start=1))
        return Lesions(looked_up(renumbered, self.labels), table, self.voxel_volume_ml)

    def predecessors(self, earlier: Lesions) -> dict[int, int]:
        """Find lesions again after the settings, and so the numbers, have changed.

        Parameters
        ----------
        earlier : Lesions
            Of a mask on the same voxels.

        Returns
        -------
        dict of int to int
            Number here to number in `earlier`: the lesion there that shares the most voxels with
            it, if they share at least half of the smaller of the two. The parts of a lesion that
            has split all follow it; of several lesions that have merged, the largest counts.
        """
        both = (self.labels > 0) & (earlier.labels > 0)
        here = counted(self.labels, len(self.table) + 1)
        # Lesions from a review file have no table.
        there = counted(earlier.labels, int(earlier.labels.max(initial=0)) + 1)
        keys = self.labels[both].astype(np.int64) * len(there) + earlier.labels[both]
        pairs, shared = np.unique(keys, return_counts=True)
        found: dict[int, int] = {}
        for k in np.argsort(-shared, kind="stable"):
            number, before = (int(part) for part in divmod(pairs[k], len(there)))
            if number not in found:
                smaller = min(here[number], there[before])
                found[number] = before if 2 * shared[k] >= smaller else 0
        return {number: before for number, before in found.items() if before}


def find_lesions(
    mask: NDArray[np.generic],
    affine: Affine,
    anomaly_map: NDArray[np.floating] | None = None,
    min_ml: float = 0.0,
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
    min_ml : float
        Smaller components are left out; those of exactly this volume stay.

    Raises
    ------
    SettingsError
        When the mask is not 3-D, or the map has another shape.
    """
    if mask.ndim != 3 or (anomaly_map is not None and anomaly_map.shape != mask.shape):
        shapes = mask.shape if anomaly_map is None else f"{mask.shape} and {anomaly_map.shape}"
        raise SettingsError(f"Lesions need a 3-D mask and a map of the same shape; got {shapes}.")
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000.0
    labels = _numbered(mask, voxel_ml, min_ml)
    orientation = Orientation.of_affine(affine)
    table = tuple(
        _measured(number, box, labels, affine, orientation, voxel_ml, anomaly_map)
        for number, box in enumerate(ndimage.find_objects(labels), start=1)
    )
    return Lesions(labels, table, voxel_ml)


def _numbered(mask: NDArray[np.generic], voxel_ml: float, min_ml: float) -> NDArray[np.int32]:
    """Label by decreasing size; equal sizes keep the order in which they lie in the array."""
    is_mask = mask.dtype == np.bool_
    inside = mask.view(np.bool_) if is_mask else np.not_equal(mask, 0)
    labels = np.zeros(mask.shape, dtype=np.int32)
    boxes = ndimage.find_objects(inside.view(np.int8))
    if not boxes:
        return labels
    # Labelling costs by the voxel, and lesions fill a small part of a scan.
    box = boxes[0]
    found = labels[box]
    count = ndimage.label(inside[box], structure=np.ones((3, 3, 3)), output=found)
    sizes = counted(found, count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    # A small tolerance: n voxels of v ml must count as n * v ml however the product rounds.
    order = order[sizes[order] * voxel_ml >= min_ml * (1.0 - 1e-9)]
    number_of = np.zeros(count + 1, dtype=np.int32)
    number_of[1 + order] = np.arange(1, len(order) + 1)
    for plane in found:  # in place; see `looked_up` for why not all at once
        plane[...] = number_of[plane]
    return labels


def _measured(
    number: int,
    box: tuple[slice, ...],
    labels: NDArray[np.int32],
    affine: Affine,
    orientation: Orientation,
    voxel_ml: float,
    anomaly_map: NDArray[np.floating] | None,
) -> Lesion:
    """Measure the lesion of this number, which fills the box.

    The region properties of scikit-image list the coordinates of all its voxels, 24 bytes each.
    """
    inside = labels[box] == number
    voxels = int(np.count_nonzero(inside))
    centre = affine[:3, :3] @ _centroid(inside, box, voxels) + affine[:3, 3]
    first, last = _slices(box, labels.shape, orientation)
    peak = None
    if anomaly_map is not None:
        peak = float(np.max(anomaly_map[box], where=inside, initial=-np.inf))
    return Lesion(
        number=number,
        voxels=voxels,
        volume_ml=voxels * voxel_ml,
        diameter_mm=_diameter(inside, affine),
        first_slice=first,
        last_slice=last,
        peak=peak,
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
    )


def _centroid(
    inside: NDArray[np.bool_], box: tuple[slice, ...], voxels: int
) -> NDArray[np.float64]:
    """Mean index along each axis, in voxels of the whole array; sums of integers are exact."""
    sums = []
    for axis, side in enumerate(box):
        others = tuple(other for other in range(inside.ndim) if other != axis)
        here = np.count_nonzero(inside, axis=others)
        sums.append(int(here @ np.arange(side.start, side.stop)))
    return np.array(sums, dtype=np.float64) / voxels


def _slices(
    box: tuple[slice, ...], shape: tuple[int, ...], orientation: Orientation
) -> tuple[int, int]:
    axis = orientation.axes[2]
    first, last = box[axis].start, box[axis].stop - 1
    if orientation.flips[2]:
        first, last = shape[axis] - 1 - last, shape[axis] - 1 - first
    return int(first), int(last)


def _diameter(inside: NDArray[np.bool_], affine: Affine) -> float:
    """Largest distance between outer face centres; only the ends of each row can be corners.

    The Feret diameter of scikit-image is the same on straight axes, but does not support shear.
    """
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
