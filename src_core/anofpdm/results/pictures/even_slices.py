"""`EvenSlices`: a mask of thick slices, interpolated between them to be looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

THICK = 3.0
"""Slices are thick if they are this many times as thick as their pixels are wide."""
_FINE_MM = 1.0
_TOUCHING = np.ones((3, 3, 3), dtype=bool)


def signed_distance(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Distance in mm to the nearest voxel on the other side, negative outside, with a rim of it."""
    whole = np.pad(mask, 1)
    inside, outside = (
        ndimage.distance_transform_edt(each, sampling=spacing) for each in (whole, ~whole)
    )
    return (inside - outside).astype(np.float32)


def thick_axis(spacing: NDArray[np.float64]) -> int | None:
    """Return the axis across thick slices, if there is one.

    Parameters
    ----------
    spacing : ndarray, shape (3,)
        Of the voxels in mm.
    """
    across = int(np.argmax(spacing))
    return across if spacing[across] >= THICK * np.delete(spacing, across).max() else None


class EvenSlices:
    """An array that is interpolated when a part of it is read.

    Each slice is divided into an odd number of thin ones. The middle one is the slice itself; the
    others are where the signed distance to the lesion's edge, linear between the slices, is
    positive. Raya, S. P. & Udupa, J. K. Shape-based interpolation of multidimensional objects.
    IEEE Trans. Med. Imaging 9 (1990).

    Parameters
    ----------
    labels : ndarray, shape (a, b, c), integers or bool
        0 outside, else the number of the lesion. It is kept, and read again by `renew`.
    spacing : sequence of float
        Of its voxels in mm.
    axis : int
        Across the slices.

    Attributes
    ----------
    labels : ndarray
        As given.
    parts : int
        Thin slices in a slice.
    shape : tuple of int
    dtype : numpy.dtype
    ndim : int
    """

    ndim = 3

    def __init__(self, labels: NDArray[Any], spacing: Any, axis: int) -> None:
        self.labels, self._axis = labels, axis
        self._spacing = np.abs(np.asarray(spacing, dtype=np.float64))
        fine = max(_FINE_MM, float(np.delete(self._spacing, axis).min()))
        self.parts = 2 * int(self._spacing[axis] / fine / 2) + 1
        self.dtype = labels.dtype
        self.shape = tuple(
            n * (self.parts if at == axis else 1) for at, n in enumerate(labels.shape)
        )
        self._distance = np.empty(labels.shape, dtype=np.float32)
        self.renew()

    def renew(self) -> None:
        """Take over what has changed in the labels."""
        labels = self.labels
        self._distance.fill(-np.inf)
        # Distances are computed around each lesion alone; those of a mask are found first.
        numbers: NDArray[Any] = labels.astype(np.int32, copy=False)
        if numbers.max(initial=0) == 1:
            numbers = ndimage.label(numbers, _TOUCHING)[0]
        for number, box in enumerate(ndimage.find_objects(numbers), start=1):
            if box is None:
                continue
            around = tuple(slice(max(x.start - 1, 0), x.stop + 1) for x in box)
            lesion = numbers[around] == number
            found = signed_distance(lesion, self._spacing)[1:-1, 1:-1, 1:-1]
            part = self._distance[around]
            np.maximum(part, found, out=part)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of it."""
        return np.asarray(self[:, :, :], dtype=dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return a part of it."""
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        thin = np.arange(self.shape[self._axis])[keys[self._axis]]
        others = [slice(None) if at == self._axis else k for at, k in enumerate(keys)]
        distance, labels = self._distance[tuple(others)], self.labels[tuple(others)]
        # Integers before it take axes away.
        axis = sum(isinstance(k, slice) for k in keys[: self._axis])
        place = (np.atleast_1d(thin) - (self.parts - 1) / 2) / self.parts
        last = self.labels.shape[self._axis] - 1
        below = np.clip(np.floor(place), 0, last).astype(np.intp)
        above = np.minimum(below + 1, last)
        share = np.clip(place - below, 0.0, 1.0).astype(np.float32)
        share = share.reshape([-1 if k == axis else 1 for k in range(distance.ndim)])
        low, high = (np.take(distance, k, axis) for k in (below, above))
        with np.errstate(invalid="ignore"):  # far from any lesion
            inside = (1 - share) * low + share * high > 0
        numbers = np.where(low >= high, *(np.take(labels, k, axis) for k in (below, above)))
        found: NDArray[Any] = np.where(inside, numbers, self.dtype.type(0))
        return found if np.ndim(thin) else np.take(found, 0, axis)
