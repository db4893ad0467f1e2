"""The foreground of a scan, and percentiles of its intensity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Canonical = NDArray[np.float32]

# Interpolation leaves residues around an extracted brain, far below any tissue.
RESIDUE = 1e-3
# A floor above this fraction of the brightest tissue is tissue cut off by the field of view.
_LARGEST_FLOOR = 0.15
_SLAB_VOXELS: Final = 4 << 20


def cleaned(data: NDArray[np.generic]) -> Canonical:
    """Return voxels as float32, with NaN, infinities and negative values set to 0."""
    with np.errstate(over="ignore"):
        values = np.asarray(data).astype(np.float32)
    values[~np.isfinite(values)] = 0
    np.maximum(values, 0, out=values)
    return values


@dataclass(frozen=True, eq=False)
class CleanVoxels:
    """The voxels of a scan, cleaned where they are read: no second copy of a large scan is made.

    ``CleanVoxels(data)[index]`` is ``cleaned(data[index])``.

    Attributes
    ----------
    data : ndarray
        The scan's own values.
    """

    data: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the scan."""
        return self.data.shape

    def __getitem__(self, index: Any) -> Canonical:
        """Return what an index, a slice or a mask chooses, as float32 of 0 and more."""
        return cleaned(self.data[index])

    def slabs(self) -> Iterator[tuple[slice, ...]]:
        """Divide the scan, along the axis that is slowest in memory, into slabs of few MiB."""
        axis = int(np.argmax(np.abs(self.data.strides)))
        length = self.shape[axis]
        step = max(1, _SLAB_VOXELS * length // max(1, self.data.size))
        for start in range(0, length, step):
            yield (slice(None),) * axis + (slice(start, start + step),)

    def max(self) -> float:
        """Largest value."""
        return max(float(self[slab].max()) for slab in self.slabs())

    def positive(self) -> Canonical:
        """All values above 0, in no order."""
        counts = [int(np.count_nonzero(self[slab])) for slab in self.slabs()]
        found = np.empty(sum(counts), dtype=np.float32)
        start = 0
        for slab, count in zip(self.slabs(), counts, strict=True):
            values = self[slab]
            found[start : start + count] = values[values > 0]
            start += count
        return found

    def above(self, floor: float) -> NDArray[np.bool_]:
        """Tell where the values exceed a floor."""
        found = np.empty_like(self.data, dtype=bool)
        for slab in self.slabs():
            np.greater(self[slab], floor, out=found[slab])
        return found


def foreground_of(values: CleanVoxels) -> NDArray[np.bool_]:
    """Return the voxels above the background (docs/method.md#10-preprocessing).

    These are voxels above 0, except two kinds of floor. Interpolation residues: values up to 0.1 %
    of the 99th percentile of the positive voxels. A noisy or constant floor: if most voxels on the
    four lateral faces of the volume are positive and low, everything up to their median plus eight
    times the distance to their upper quartile.

    Parameters
    ----------
    values : CleanVoxels, shape (x, y, z)
        Intensities along canonical axes.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
    """
    positive = values.positive()
    if positive.size == 0:
        return np.zeros(values.shape, dtype=bool)
    bright = float(np.percentile(positive, 99, overwrite_input=True))
    floor = RESIDUE * bright
    faces = np.concatenate([values[[0, -1]].ravel(), values[:, [0, -1]].ravel()])
    median, upper = np.percentile(faces, [50, 75])
    noise = float(median + 8 * (upper - median))
    if median > 0 and noise < _LARGEST_FLOOR * bright:
        floor = max(floor, noise)
    return values.above(floor)


def foreground_percentile(
    values: CleanVoxels, foreground: NDArray[np.bool_], percent: float
) -> float:
    """Return a percentile (0..100) of the foreground voxels, or 0 if there are none."""
    inside = values[foreground]
    return float(np.percentile(inside, percent, overwrite_input=True)) if inside.size else 0.0


def robust_centre(foreground: NDArray[np.bool_], axis: int) -> float:
    """Centre, as a fractional index, of the foreground's extent along an axis.

    The extent runs between the first and last index that leave 0.5 % of the foreground outside,
    so a few stray voxels do not move it. Mirroring the volume mirrors the centre exactly.
    """
    others = tuple(k for k in range(foreground.ndim) if k != axis)
    counts = np.count_nonzero(foreground, axis=others)
    share = 0.005 * counts.sum()
    low = int(np.argmax(np.cumsum(counts) > share))
    high = len(counts) - 1 - int(np.argmax(np.cumsum(counts[::-1]) > share))
    return (low + high) / 2
