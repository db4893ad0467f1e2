"""`SliceSelection`: the slices of one split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anofpdm.datasets.store.attributes import Split

if TYPE_CHECKING:
    from anofpdm.datasets.store.slices import SliceDataset


@dataclass(frozen=True, eq=False)
class SliceSelection:
    """Slices of one split.

    Attributes
    ----------
    dataset : SliceDataset
        Where they come from.
    split : {"train", "val", "test"}
        The split.
    positions : ndarray (S,) int
        Ascending positions in the dataset.
    labels : ndarray (S,) int8
        0 healthy, 1 unhealthy, -1 unknown.
    subject : ndarray (S,) int32
        Index into `dataset.subjects`.
    slice_ids : ndarray (S,) int32
        Canonical axial index of the slice in its volume.
    """

    dataset: SliceDataset
    split: Split
    positions: NDArray[np.intp]
    labels: NDArray[np.int8]
    subject: NDArray[np.int32]
    slice_ids: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.positions)

    @cached_property
    def images(self) -> NDArray[np.float16]:
        """Images (S, C, H, W) float16 in [-1, 1]; background is exactly -1."""
        return self.dataset.read("images", self.positions)

    @cached_property
    def foreground(self) -> NDArray[np.bool_]:
        """Brain foreground (S, H, W) bool."""
        return self.dataset.read("foreground", self.positions)

    @cached_property
    def truth(self) -> NDArray[np.bool_] | None:
        """Pixel masks (S, H, W) bool, or None where a subject's are unknown; never for training."""
        known = self.dataset.subject_has_truth[self.subject].all()
        return self.dataset.read("truth", self.positions) if known else None

    @cached_property
    def twins(self) -> NDArray[np.intp]:
        """For each slice the index in this selection of its twin without lesion, or -1, (S,)."""
        names = self.dataset.subjects
        number = {name: index for index, name in enumerate(names)}
        twin_of = {number[twin]: number[name] for twin, name in self.dataset.twins.items()}
        found = {
            (twin_of[subject], slice_id): index
            for index, (subject, slice_id) in enumerate(
                zip(self.subject.tolist(), self.slice_ids.tolist(), strict=True)
            )
            if subject in twin_of
        }
        own = zip(self.subject.tolist(), self.slice_ids.tolist(), strict=True)
        return np.array([found.get(key, -1) for key in own], dtype=np.intp)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subject name of every slice, length S."""
        names = self.dataset.subjects
        return tuple(names[index] for index in self.subject)
