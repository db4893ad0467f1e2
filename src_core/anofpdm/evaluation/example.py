"""One slice of a subject with the masks of several methods, for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anofpdm.evaluation.loaded_subject import Scalar
from anofpdm.evaluation.subject import Floats, Mask, Subject
from anofpdm.results.pictures.levels import grey_window

Image = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Example:
    """A slice seen from the feet, front up; all arrays are (rows, columns).

    Attributes
    ----------
    title : str
    scan : ndarray of float, 0..1
        In the grey levels of every picture of the scan.
    truth : ndarray of bool
    anomaly_map : ndarray of float, >= 0
    masks : mapping of str to ndarray of bool
        By method.
    """

    title: str
    scan: Image
    truth: Mask
    anomaly_map: Floats
    masks: Mapping[str, Mask]


class ExampleBuilder:
    """Cuts one slice out of whatever volumes are shown to it.

    Parameters
    ----------
    subject : Subject
        The slice is the one with most lesion, else the middle one of those that the model read.
    """

    def __init__(self, subject: Subject) -> None:
        areas = subject.lesion_mm2
        middle = len(subject.slice_ids) // 2
        self._index = int(subject.slice_ids[int(np.argmax(areas)) if areas.any() else middle])
        brain = np.asarray(subject.brain.any(axis=2))
        columns, rows = (np.flatnonzero(brain.any(axis=axis)) for axis in (1, 0))
        x, y = (
            slice(int(k[0]), int(k[-1]) + 1) if k.size else slice(None) for k in (columns, rows)
        )
        self._box = (x, y)
        self._title = f"{subject.name}, slice {self._index}"
        low, high = grey_window(subject.scan)
        scan = self._cut(subject.scan).astype(np.float32)
        self._scan = np.clip((scan - low) / max(high - low, 1e-9), 0, 1)
        self._truth = self._cut(subject.truth)
        self._map: Floats = np.zeros_like(self._scan)
        self._masks: dict[str, Mask] = {}

    def show_map(self, anomaly_map: Floats) -> None:
        """Take the map."""
        self._map = self._cut(anomaly_map)

    def show_mask(self, name: str, mask: Mask) -> None:
        """Take the mask of a method."""
        self._masks[name] = self._cut(mask)

    def build(self) -> Example:
        """Return what was shown."""
        return Example(self._title, self._scan, self._truth, self._map, self._masks)

    def _cut(self, volume: NDArray[Scalar]) -> NDArray[Scalar]:
        plane = volume[:, :, self._index][self._box]
        return np.ascontiguousarray(plane[::-1, ::-1].T)
