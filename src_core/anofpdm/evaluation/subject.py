"""A subject with its truth and what each method made of it, along canonical axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    Maps and predictions are made when they are called for, one after another, so that memory does
    not hold those of all methods.

    Attributes
    ----------
    name, patient, kind : str
    scan : ndarray (x, y, z)
        Intensities, for pictures.
    truth, brain : ndarray of bool (x, y, z)
        Axis 2 is axial, from the feet up.
    spacing : tuple of float
        Voxel size in mm; nan between slices where it is unknown.
    slice_ids : ndarray (S,)
        Axial indices of the slices that the model read.
    labels : ndarray (S,) int8
        0 healthy, 1 unhealthy, -1 too little lesion to be either.
    maps : mapping of str to callable
        Each returns a map (x, y, z), >= 0, larger for more anomalous.
    predictions : mapping of str to callable
        By method; each returns its `Prediction`.
    curves : mapping of str to ndarray (S,)
        What the model's curves say of each slice: cosine, M_te, t_e.
    """

    name: str
    patient: str
    kind: str
    scan: NDArray[np.generic]
    truth: Mask
    brain: Mask
    spacing: tuple[float, float, float]
    slice_ids: NDArray[np.integer]
    labels: NDArray[np.int8]
    maps: Mapping[str, Callable[[], Floats]]
    predictions: Mapping[str, Callable[[], Prediction]]
    curves: Mapping[str, Floats]

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel; nan where it is unknown."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def lesion_mm2(self) -> NDArray[np.float64]:
        """Lesion area in each slice, (S,)."""
        pixels = self.truth.sum(axis=(0, 1))[self.slice_ids]
        return np.asarray(pixels * self.spacing[0] * self.spacing[1], dtype=np.float64)
