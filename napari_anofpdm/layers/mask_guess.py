"""Decide whether a volume is a mask or parcellation, shown as labels, or a scan."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 32  # a scan has more distinct values than this
_LARGEST_LABEL = 65_535
# Neighbours inside an object share its label; in a scan they differ by noise.
_EQUAL_SHARE = 0.8


def looks_like_mask(data: NDArray[Any]) -> bool:
    """Return whether voxel values are labels.

    They are if all are integers from 0 to 65535 and either no more than 32 of them occur, or at
    least 80 % of the neighbouring pairs above 0 are equal (parcellations).

    Parameters
    ----------
    data : ndarray, shape (i, j, k)
        Real voxel values of any dtype; floats without a fraction count as integers.
    """
    if data.dtype.kind == "f" and not np.array_equal(data, np.rint(data)):
        return False
    if data.min() < 0 or data.max() > _LARGEST_LABEL:
        return False
    counts = np.bincount(data.astype(np.uint16).ravel(order="K"))
    return bool(np.count_nonzero(counts) <= _FEW) or _equal_share(data) >= _EQUAL_SHARE


def as_labels(data: NDArray[Any]) -> NDArray[np.integer[Any]]:
    """Return labels as integers that a labels layer can paint on; floats as uint8 or uint16."""
    if data.dtype.kind == "f":
        small = np.uint8 if data.size == 0 or data.max() <= np.iinfo(np.uint8).max else np.uint16
        return data.astype(small)
    return data if data.flags.writeable else data.copy(order="K")


def _equal_share(data: NDArray[Any]) -> float:
    first, second = data[:-1], data[1:]
    both = (first > 0) & (second > 0)
    pairs = np.count_nonzero(both)
    return float(np.count_nonzero((first == second) & both) / pairs) if pairs else 0.0
