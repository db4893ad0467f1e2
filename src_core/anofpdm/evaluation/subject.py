"""A subject with its truth and what each method made of it, along canonical axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one method made of a subject.

    Attributes
    ----------
    mask : ndarray of bool (x, y, z)
    unhealthy : ndarray of bool (S,)
        Verdict on each slice.
    scores : mapping of str to ndarray (S,)
        Scores of the slices by name, larger for more unhealthy.
    """

    mask: Mask
    unhealthy: NDArray[np.bool_]
    scores: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Subject:
    """One scan of an evaluation: voxels of the scan, or pixels of a dataset's slices.

    Attributes
    ----------
    name, patient, kind : str
    truth, brain : ndarray of bool (x, y, z)
        Axis 2 is axial, from the feet up.
    spacing : tuple of float
        Voxel size in mm.
    slice_ids : ndarray (S,)
        Axial indices of the slices that the model read.
    labels : ndarray (S,) int8
        0 healthy, 1 unhealthy, -1 too little lesion to be either.
    maps : mapping of str to ndarray (x, y, z)
        Maps by name, >= 0, larger for more anomalous.
    predictions : mapping of str to Prediction
        By method.
    curves : mapping of str to ndarray (S,)
        What the model's curves say of each slice: cosine, M_te, t_e.
    """

    name: str
    patient: str
    kind: str
    truth: Mask
    brain: Mask
    spacing: tuple[float, float, float]
    slice_ids: NDArray[np.integer]
    labels: NDArray[np.int8]
    maps: Mapping[str, Floats]
    predictions: Mapping[str, Prediction]
    curves: Mapping[str, Floats]

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def lesion_mm2(self) -> NDArray[np.float64]:
        """Lesion area in each slice, (S,)."""
        pixels = self.truth.sum(axis=(0, 1))[self.slice_ids]
        return np.asarray(pixels * self.spacing[0] * self.spacing[1], dtype=np.float64)
