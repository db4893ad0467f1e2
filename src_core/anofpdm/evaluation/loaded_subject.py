"""A subject in memory: the slices that a model reads, and the truth on the scan's voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from anofpdm.datasets.labels.rule import labels_from_area
from anofpdm.scans.preprocessing import SliceStack

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class LoadedSubject:
    """Slices with their truth.

    Attributes
    ----------
    stack : SliceStack
        As the model reads them.
    lesion : ndarray of bool, shape of the scan
        The truth on the voxels of `stack.volumes`.
    kind : str
        Kind of lesion where it is known, else "".
    given_labels : ndarray (S,) int8, optional
        Labels of the slices, where they are not to be made from the lesion's area.
    has_spacing : bool
        Whether the distance between slices is known, so that volumes and distances are.
    """

    stack: SliceStack
    lesion: NDArray[np.bool_]
    kind: str = ""
    given_labels: NDArray[np.int8] | None = None
    has_spacing: bool = True

    @property
    def truth(self) -> NDArray[np.bool_]:
        """The lesion along canonical axes, (x, y, z)."""
        return self.canonical(self.lesion)

    @property
    def brain(self) -> NDArray[np.bool_]:
        """The brain along canonical axes."""
        return self.canonical(self.stack.foreground_native)

    def canonical(self, native: NDArray[Scalar]) -> NDArray[Scalar]:
        """Turn voxels of the scan to canonical axes."""
        return self.stack.geometry.orientation.to_canonical(native)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Size of a canonical voxel in mm; nan between slices where it is not known."""
        affine = np.asarray(self.stack.geometry.canonical_affine)
        x, y, z = np.linalg.norm(affine[:3, :3], axis=0)
        return float(x), float(y), float(z) if self.has_spacing else float("nan")

    def labels(self, lesion_mm2: float) -> NDArray[np.int8]:
        """Return the labels of the slices: those given, else by the area of the lesion."""
        if self.given_labels is not None:
            return self.given_labels
        x, y, _ = self.spacing
        pixels = self.truth.sum(axis=(0, 1))[self.stack.slice_ids]
        return labels_from_area(pixels * x * y, lesion_mm2)
