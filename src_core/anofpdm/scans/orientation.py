"""The nearest axis permutation and flips between a file's voxels and canonical (RAS) voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import nibabel.orientations as nib_orientations
import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Orientation:
    """How the axes of an input array map onto canonical axes, which run toward R, A and S.

    Attributes
    ----------
    axes : tuple of int
        Canonical axis k is input axis ``axes[k]``.
    flips : tuple of bool
        Whether canonical axis k runs against its input axis.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @classmethod
    def of_affine(cls, affine: NDArray[np.float64]) -> Orientation:
        """Find the orientation nearest to an affine.

        Parameters
        ----------
        affine : ndarray, shape (4, 4)
            Voxel index to RAS mm.

        Raises
        ------
        GeometryError
            When an axis of the affine has no length.
        """
        table = nib_orientations.io_orientation(affine)
        if not np.isfinite(table).all():
            raise GeometryError(
                f"The affine {np.asarray(affine).tolist()} has an axis of length 0 and therefore "
                "no orientation; repair the header's geometry."
            )
        inputs = [int(np.flatnonzero(table[:, 0] == k)[0]) for k in range(3)]
        flips = [bool(table[i, 1] < 0) for i in inputs]
        return cls((inputs[0], inputs[1], inputs[2]), (flips[0], flips[1], flips[2]))

    def to_canonical(self, data: NDArray[Scalar]) -> NDArray[Scalar]:
        """View an input array, shape (i, j, k), along canonical axes (toward R, A, S)."""
        return data.transpose(self.axes)[self._slices()]

    def to_input(self, data: NDArray[Scalar]) -> NDArray[Scalar]:
        """View a canonical array along the input's axes: the inverse of `to_canonical`."""
        return data[self._slices()].transpose(tuple(int(i) for i in np.argsort(self.axes)))

    def canonical_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Shape of `to_canonical` for an input of the given shape."""
        return shape[self.axes[0]], shape[self.axes[1]], shape[self.axes[2]]

    def canonical_affine(
        self, affine: NDArray[np.float64], shape: tuple[int, int, int]
    ) -> NDArray[np.float64]:
        """Affine from canonical voxel index to RAS mm, shape (4, 4), for an input of `shape`."""
        to_input = np.zeros((4, 4))
        to_input[3, 3] = 1.0
        for k, (axis, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            to_input[axis, k] = -1.0 if flip else 1.0
            to_input[axis, 3] = shape[axis] - 1 if flip else 0
        return np.asarray(affine @ to_input, dtype=np.float64)

    def canonical_box(
        self, shape: tuple[int, int, int], box: tuple[slice, slice, slice]
    ) -> tuple[slice, slice, slice]:
        """Box of the input array of this shape, along the canonical axes."""
        x, y, z = (
            slice(shape[axis] - box[axis].stop, shape[axis] - box[axis].start)
            if flip
            else box[axis]
            for axis, flip in zip(self.axes, self.flips, strict=True)
        )
        return x, y, z

    def _slices(self) -> tuple[slice, slice, slice]:
        x, y, z = (slice(None, None, -1 if flip else 1) for flip in self.flips)
        return x, y, z
