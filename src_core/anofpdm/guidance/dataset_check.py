"""Whether a slice dataset suits a model, and has the classes that a guidance search needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import DatasetError
from anofpdm.scans.preprocessing_config import picture_differences

if TYPE_CHECKING:
    from anofpdm.datasets.store.attributes import Split
    from anofpdm.datasets.store.slices import SliceDataset
    from anofpdm.model.bundle import ModelBundle


def check_dataset(bundle: ModelBundle, dataset: SliceDataset) -> None:
    """Refuse slices that `segment` would not make: thresholds and scores would fit no scan.

    Raises
    ------
    DatasetError
        When the dataset's modalities, size or preprocessing are not the bundle's.
    """
    read = bundle.metadata.modalities
    if dataset.modalities != read:
        raise DatasetError(
            f"{dataset.path} contains {', '.join(dataset.modalities)}, but the model reads "
            f"{', '.join(read)}; use a dataset of the same modalities."
        )
    size = bundle.metadata.network.image_size
    if dataset.slice_shape[1:] != (size, size):
        rows, columns = dataset.slice_shape[1:]
        raise DatasetError(
            f"{dataset.path} has slices of {rows}x{columns} pixels, but the model reads "
            f"{size}x{size}; make the dataset again with that size."
        )
    differences = picture_differences(dataset.preprocessing, bundle.metadata.preprocessing)
    if differences:
        name, (found, wanted) = next(iter(differences.items()))
        raise DatasetError(
            f"{dataset.path} was made with {name} = {found}, but the model was trained with "
            f"{wanted}; make the dataset again with the model's value (see the options of "
            "anofpdm prepare, such as --intensity)."
        )


def check_classes(dataset: SliceDataset, split: Split, labels: NDArray[np.int64]) -> None:
    """Refuse slices of one class only.

    Parameters
    ----------
    labels : array
        Those of the split's labelled slices: 0 healthy, 1 unhealthy.

    Raises
    ------
    DatasetError
    """
    present = [name for label, name in enumerate(("healthy", "unhealthy")) if label in labels]
    if len(present) < 2:
        found = f"only {present[0]} ones" if present else "no labelled slices"
        raise DatasetError(
            f'Guidance selection needs healthy and unhealthy slices, but the split "{split}" of '
            f"{dataset.path} contains {found}; choose another split, or add the missing class."
        )
