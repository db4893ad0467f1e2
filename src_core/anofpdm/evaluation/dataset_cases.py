"""The subjects of a slice dataset as cases of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.store.attributes import Split
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.evaluation.loaded_subject import LoadedSubject, Scalar
from anofpdm.guidance.dataset_check import check_dataset
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.geometry import ImageAxis, SliceGeometry
from anofpdm.scans.preprocessing import SliceStack
from anofpdm.scans.volume import Volume


@dataclass(frozen=True)
class DatasetCase:
    """The slices of one subject, as voxels of a scan of their own.

    Attributes
    ----------
    path : Path
        The slice dataset.
    split : {"train", "val", "test"}
    subject : str
    """

    path: Path
    split: Split
    subject: str

    @property
    def name(self) -> str:
        """The subject."""
        return self.subject

    @property
    def patient(self) -> str:
        """A dataset does not record patients: each subject counts as one."""
        return self.subject

    @property
    def files(self) -> tuple[Path, ...]:
        """The dataset."""
        return (self.path,)

    def load(self, model: ModelBundle) -> LoadedSubject:
        """Read the subject's slices.

        Raises
        ------
        DatasetError
            When the slices are not those that the model reads.
        """
        dataset = _opened(self.path)
        check_dataset(model, dataset)
        chosen = dataset.select(self.split)
        here = np.flatnonzero(chosen.subject == dataset.subjects.index(self.subject))
        positions = chosen.positions[here]
        order = np.argsort(chosen.slice_ids[here], kind="stable")
        slice_ids = chosen.slice_ids[here][order].astype(np.int64)
        images, foreground, truth = (
            dataset.read(name, positions)[order] for name in ("images", "foreground", "truth")
        )
        size = images.shape[-1]
        extent = dataset.preprocessing.get("extent_mm")
        pixel = 1.0 if extent is None else float(extent) / size
        depth = int(slice_ids[-1]) + 1
        affine = np.diag([pixel, pixel, pixel, 1.0])
        volumes = tuple(
            Volume(_as_volume((images[:, k] + 1) / 2, slice_ids, depth), affine, modality)
            for k, modality in enumerate(dataset.modalities)
        )
        stack = SliceStack(
            volumes=volumes,
            slices=images.astype(np.float32),
            foreground=foreground,
            slice_ids=slice_ids,
            foreground_native=_as_volume(foreground, slice_ids, depth),
            geometry=_pixel_geometry(size, depth, affine),
            warnings=(),
        )
        return LoadedSubject(
            stack,
            _as_volume(truth, slice_ids, depth),
            given_labels=chosen.labels[here][order],
            has_spacing=False,
        )


def dataset_cases(path: Path, split: Split) -> tuple[DatasetCase, ...]:
    """List the subjects of a split, without twins.

    Raises
    ------
    DatasetError
        When the path is no slice dataset, the split is empty, or a subject has no lesion mask.
    """
    dataset = _opened(path)
    numbers = np.unique(dataset.select(split).subject)
    names = [dataset.subjects[number] for number in numbers if _is_original(dataset, number)]
    known = dataset.subject_has_truth
    unknown = [name for name in names if not known[dataset.subjects.index(name)]]
    if unknown:
        raise DatasetError(
            f"{path} has no lesion mask of {len(unknown)} of {len(names)} subjects in the split "
            f"{split} (the first is {unknown[0]}); an evaluation needs all of them."
        )
    return tuple(DatasetCase(path, split, name) for name in names)


def _is_original(dataset: SliceDataset, number: int) -> bool:
    return dataset.subjects[number] not in dataset.twins


@lru_cache(maxsize=1)
def _opened(path: Path) -> SliceDataset:
    return SliceDataset.open(path)


def _as_volume(
    slices: NDArray[Scalar], slice_ids: NDArray[np.int64], depth: int
) -> NDArray[Scalar]:
    """Stack slices (S, H, W) along z, rows toward the back, columns toward the left."""
    out = np.zeros((*slices.shape[:0:-1], depth), dtype=slices.dtype)
    out[:, :, slice_ids] = slices[:, ::-1, ::-1].transpose(2, 1, 0)
    return out


def _pixel_geometry(size: int, depth: int, affine: NDArray[np.float64]) -> SliceGeometry:
    """Geometry whose voxels are the network's pixels."""
    rows = tuple(tuple(float(value) for value in row) for row in affine)
    return SliceGeometry(
        shape=(size, size, depth),
        affine=rows,
        size=size,
        field_of_view="stretch",
        rows=ImageAxis(1, size - 1.0, -1.0),
        columns=ImageAxis(0, size - 1.0, -1.0),
    )
