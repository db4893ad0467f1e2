"""The slice dataset: a Zarr folder of preprocessed slices with slice-level labels.

Arrays (one entry a slice): `images` (S, C, H, W) float16 in [-1, 1], `foreground` (S, H, W) bool,
`truth` (S, H, W) bool where any mask is known (evaluation only; empty for the other subjects, and
the attribute `subject_has_truth` records which), `label` (S,) int8, `subject` (S,) int32 into the
attribute `subjects`, `slice_id` (S,) int32. Each subject belongs to one split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import zarr
from numpy.typing import NDArray

from anofpdm.common.errors import DatasetError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import file_bytes, reading
from anofpdm.common.swapping.workspace import heal
from anofpdm.common.zarr_chunks import ChunkError, read_chunk
from anofpdm.datasets.store.attributes import DatasetAttributes, Split
from anofpdm.datasets.store.completeness import check_complete, checked_attributes
from anofpdm.datasets.store.raw_chunks import RawChunks
from anofpdm.datasets.store.writer import SliceDatasetWriter

_REMEDY: Final = "copy or make the dataset again"


class SliceDataset:
    """Read-only view of a finished slice dataset.

    Parameters
    ----------
    path : Path
        The dataset's folder, opened with `SliceDataset.open`.
    group : zarr.Group
        Its opened root group.
    attributes : DatasetAttributes
        What that says of the dataset.
    """

    def __init__(self, path: Path, group: zarr.Group, attributes: DatasetAttributes) -> None:
        self.path = path
        self._group = group
        self._attributes = attributes

    @staticmethod
    def create(
        path: str | Path,
        *,
        modalities: Sequence[str],
        scored: Sequence[str] | None = None,
        preprocessing: dict[str, Any] | None = None,
        provenance: dict[str, Any] | None = None,
        overwrite: bool = False,
    ) -> SliceDatasetWriter:
        """Begin a dataset; nothing appears at `path` until the writer's `finish`.

        Parameters
        ----------
        path : str or Path
            Folder to make, customarily `NAME.zarr`.
        modalities : sequence of str
            Names of the channels, in order.
        scored : sequence of str, optional
            The modalities read for the anomaly map; all of them by default.
        preprocessing, provenance : dict, optional
            JSON values: the preprocessing configuration, and how the slices came to be.
        overwrite : bool
            Replace an existing dataset at `path`.

        Raises
        ------
        DatasetError
            When `scored` is not among `modalities`.
        OutputError
            When `path` exists and `overwrite` is False, or cannot be written.
        """
        return SliceDatasetWriter(
            Path(path),
            modalities=tuple(modalities),
            scored=tuple(modalities if scored is None else scored),
            preprocessing=preprocessing or {},
            provenance=provenance or {},
            overwrite=overwrite,
        )

    @classmethod
    def open(cls, path: str | Path) -> SliceDataset:
        """Open a finished dataset, checking that every chunk is there.

        Raises
        ------
        DatasetError
            When `path` is no slice dataset, an unknown version, or incomplete.
        """
        path = Path(path)
        heal(path)
        for file in (path, path / "zarr.json"):
            if (fault := missing_content(file)) is not None:
                raise DatasetError(fault)
        with reading(path, DatasetError, _REMEDY):
            try:
                file_bytes(path / "zarr.json", DatasetError)
                group = zarr.open_group(
                    store=str(path), mode="r", zarr_format=3, use_consolidated=False
                )
            except Exception as error:  # damaged metadata make Zarr raise nearly anything
                raise DatasetError(
                    f"{path} is not a slice dataset; use a folder written by anofpdm prepare or "
                    "phantom-dataset."
                ) from error
            attributes = checked_attributes(path, dict(group.attrs))
            check_complete(path, group, attributes)
            return cls(path, group, attributes)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the channels, in order."""
        return self._attributes.modalities

    @property
    def scored(self) -> tuple[str, ...]:
        """Names of the modalities read for the anomaly map."""
        return self._attributes.scored

    @property
    def preprocessing(self) -> dict[str, Any]:
        """The preprocessing configuration that made the slices, as JSON values."""
        return dict(self._attributes.preprocessing)

    @property
    def twins(self) -> dict[str, str]:
        """Subjects that are another's brain without its lesions: their name to that other's."""
        return dict(self._attributes.twins)

    @property
    def provenance(self) -> dict[str, Any]:
        """The origin of the slices, as JSON values."""
        return dict(self._attributes.provenance)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the images and labels in the order they were appended."""
        return self._attributes.fingerprint

    @property
    def description(self) -> dict[str, Any]:
        """The preprocessing that a model trained on it must record, as JSON values.

        Keys: fingerprint, modalities, scored, preprocessing, provenance, slices, subjects (number
        of subjects by split).
        """
        splits = self._attributes.subject_splits
        stored = self._attributes.model_dump(mode="json")
        kept = ("fingerprint", "modalities", "scored", "preprocessing", "provenance", "slices")
        return {
            **{key: stored[key] for key in kept},
            "subjects": {split: splits.count(split) for split in sorted(set(splits))},
        }

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects; `subject` arrays index into it."""
        return self._attributes.subjects

    @property
    def splits(self) -> frozenset[str]:
        """The splits that hold at least one slice."""
        return frozenset(self._attributes.subject_splits)

    @property
    def slice_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of every slice."""
        channels, rows, columns = self._array("images").shape[1:]
        return channels, rows, columns

    @property
    def has_truth(self) -> bool:
        """Whether pixel masks of any subject are stored."""
        return self._attributes.has_truth

    @cached_property
    def subject_has_truth(self) -> NDArray[np.bool_]:
        """Whether the pixel masks of each subject are known, (subjects,)."""
        every = [self.has_truth] * len(self.subjects)
        return np.array(self._attributes.subject_has_truth or every, dtype=bool)

    def __len__(self) -> int:
        """Return the number of slices, all splits together."""
        return self._attributes.slices

    def select(self, split: Split) -> SliceSelection:
        """Slices of one split; images and masks are read into memory at their first use.

        Raises
        ------
        DatasetError
            When `split` is unknown or holds no slice.
        """
        if split not in get_args(Split):
            raise DatasetError(f'Split "{split}" is unknown; choose one of train, val, test.')
        in_split = np.array([s == split for s in self._attributes.subject_splits], dtype=bool)
        subject = self.read("subject", np.arange(len(self)))
        if subject.min() < 0 or subject.max() >= len(in_split):
            raise DatasetError(
                f"{self.path} is damaged: a slice belongs to subject {subject.max()}, and there "
                f"are {len(in_split)}; make the dataset again."
            )
        positions = np.flatnonzero(in_split[subject])
        if not positions.size:
            raise DatasetError(f'{self.path} has no slices in the split "{split}".')
        labels, slice_ids = self.read("label", positions), self.read("slice_id", positions)
        if slice_ids.min() < 0 or not np.isin(labels, (-1, 0, 1)).all():
            raise DatasetError(
                f"{self.path} is damaged: a label is none of -1, 0 and 1, or a slice has a "
                "negative number; make the dataset again."
            )
        return SliceSelection(
            dataset=self,
            split=split,
            positions=positions,
            labels=labels,
            subject=subject[positions],
            slice_ids=slice_ids,
        )

    def read(self, name: str, positions: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Entries of one stored array at ascending `positions`, chunk by chunk.

        Raises
        ------
        DatasetError
            When a chunk is damaged.
        """
        array = self._array(name)
        out = np.empty((len(positions), *array.shape[1:]), dtype=array.dtype)
        rows = array.chunks[0]
        try:
            for chunk in np.unique(np.asarray(positions) // rows):
                first, last = np.searchsorted(positions, [chunk * rows, (chunk + 1) * rows])
                block = read_chunk(array, self.path, int(chunk))
                out[first:last] = block[np.asarray(positions[first:last]) - chunk * rows]
        except ChunkError as error:
            raise DatasetError(
                f"{self.path} is damaged: {error.file} has changed since it was written; make the "
                "dataset again."
            ) from error
        return out

    @cached_property
    def scattered_images(self) -> RawChunks | None:
        """Images at any positions, one by one; None where they are stored compressed."""
        with reading(self.path / "images", DatasetError, _REMEDY):
            return RawChunks.of(self.path / "images")

    def _array(self, name: str) -> zarr.Array[Any]:
        array = self._group[name]
        assert isinstance(array, zarr.Array)
        return array


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
