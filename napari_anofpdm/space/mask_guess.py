"""Decide whether a volume is a mask or parcellation, shown as labels, or a scan."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 32  # a scan has more distinct values than this
_SMALL = 65_535  # labels up to here are counted in one pass
_LARGEST_LABEL = 2**31 - 1
_OUTSIDE = -1  # some masks mark what lies outside the field of view so
_SAMPLE = 4096
# Neighbours inside an object share its label; in a scan they differ by noise.
_EQUAL_SHARE = 0.8


def looks_like_mask(data: NDArray[Any]) -> bool:
    """Return whether voxel values are labels.

    They are if all are integers from 0 to 2^31 - 1 and either no more than 32 of them occur, or at
    least 80 % of the neighbouring pairs above 0 are equal (parcellations). NaN and -1 count as
    background.

    Parameters
    ----------
    data : ndarray, shape (i, j, k)
        Real voxel values of any dtype; floats without a fraction count as integers.
    """
    if data.dtype.kind == "f":
        data = _without_nan(data)
        if not np.array_equal(data, np.rint(data)):
            return False
    if data.min() < _OUTSIDE or data.max() > _LARGEST_LABEL:
        return False
    return _is_few(data) or _equal_share(data) >= _EQUAL_SHARE


def as_labels(data: NDArray[Any]) -> NDArray[np.integer[Any]]:
    """Return labels as integers that a labels layer can paint on; NaN and -1 become 0.

    Floats become the smallest of uint8, uint16 and uint32 that holds them.
    """
    if data.dtype.kind == "f":
        data = np.maximum(_without_nan(data), 0)
        largest = 0 if data.size == 0 else int(data.max())
        return data.astype(np.min_scalar_type(largest))
    if data.dtype.kind == "i" and data.size and data.min() < 0:
        return np.asarray(np.maximum(data, 0))
    return data if data.flags.writeable else data.copy(order="K")


def _without_nan(data: NDArray[Any]) -> NDArray[Any]:
    missing = np.isnan(data)
    return np.where(missing, 0, data) if missing.any() else data


def _is_few(data: NDArray[Any]) -> bool:
    """Whether no more than 32 values occur."""
    if data.max() < _SMALL:  # -1 is counted as 65535
        counts = np.bincount(data.astype(np.int64).astype(np.uint16).ravel(order="K"))
        return bool(np.count_nonzero(counts) <= _FEW)
    flat = data.ravel(order="K")
    # Sorting a whole scan is slow; a few of its voxels already differ.
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    return len(np.unique(sample)) <= _FEW and len(np.unique(flat)) <= _FEW


def _equal_share(data: NDArray[Any]) -> float:
    first, second = data[:-1], data[1:]
    both = (first > 0) & (second > 0)
    pairs = np.count_nonzero(both)
    return float(np.count_nonzero((first == second) & both) / pairs) if pairs else 0.0
