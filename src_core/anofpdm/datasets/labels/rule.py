"""The labelling rule: a person's label, else the lesion's area, else unknown."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Annotation
from anofpdm.datasets.labels.annotations import written_ranges
from anofpdm.method.class_labels import HEALTHY, UNHEALTHY, UNKNOWN

LESION_MM2: Final = 30.0
"""Lesion area from which a slice counts as unhealthy; less than that, but some, is unknown."""

Labels = NDArray[np.int8]


def labels_from_area(area_mm2: NDArray[np.floating], lesion_mm2: float = LESION_MM2) -> Labels:
    """Label slices by how much lesion they show.

    Parameters
    ----------
    area_mm2 : ndarray (S,)
        Lesion area in each slice.
    lesion_mm2 : float
        At least so much is unhealthy, none is healthy, between the two is unknown; 0 makes any
        lesion unhealthy.

    Returns
    -------
    ndarray (S,) int8
        0 healthy, 1 unhealthy, -1 unknown.
    """
    unhealthy = (area_mm2 > 0) & (area_mm2 >= lesion_mm2)
    labels = np.where(unhealthy, UNHEALTHY, np.where(area_mm2 > 0, UNKNOWN, HEALTHY))
    return labels.astype(np.int8)


def labels_from_annotation(
    annotation: Annotation, slice_ids: NDArray[np.integer], depth: int
) -> Labels | None:
    """Label slices by a person's annotation; None if it does not decide.

    Ranges make their slices unhealthy and all others healthy; "healthy" makes all healthy.
    "unhealthy" without ranges does not decide, because it does not say which slices.

    Parameters
    ----------
    annotation : Annotation
        The annotation.
    slice_ids : ndarray (S,)
        Canonical axial indices.
    depth : int
        Number of axial slices of the scan.

    Raises
    ------
    DatasetError
        When a range reaches beyond the scan.
    """
    if annotation.verdict == "healthy":
        return np.full(len(slice_ids), HEALTHY, dtype=np.int8)
    if not annotation.ranges:
        return None
    if max(last for _, last in annotation.ranges) >= depth:
        raise DatasetError(
            f"The unhealthy slices {written_ranges(annotation.ranges)} extend beyond the scan's "
            f"last slice, {depth - 1}; correct them (slice 0 is nearest the feet)."
        )
    inside = [(slice_ids >= first) & (slice_ids <= last) for first, last in annotation.ranges]
    return np.where(np.logical_or.reduce(inside), UNHEALTHY, HEALTHY).astype(np.int8)
