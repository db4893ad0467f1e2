"""A table looked up for each voxel, without the memory that indexing a big array takes."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

_SLAB_VOXELS: Final = 1 << 20

Entry = TypeVar("Entry", bound=np.generic)


def looked_up(table: NDArray[Entry], indices: NDArray[np.integer]) -> NDArray[Entry]:
    """Return ``table[indices]``, slab by slab.

    NumPy turns indices into integers of eight bytes first: for a mask of one byte a voxel, eight
    times what it gives.

    Parameters
    ----------
    table : ndarray, shape (N,)
    indices : ndarray of int, one axis or more
        0 to N - 1.

    Returns
    -------
    ndarray, shape of the indices, dtype of the table
    """
    out = np.empty(indices.shape, dtype=table.dtype)
    step = max(1, _SLAB_VOXELS * len(indices) // max(1, indices.size))
    for start in range(0, len(indices), step):
        slab = slice(start, start + step)
        out[slab] = table[indices[slab]]
    return out


def counted(indices: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Count how often each index, 0 to `count` - 1, occurs; in slabs, as `looked_up`.

    Parameters
    ----------
    indices : ndarray of int, one axis or more
    count : int

    Returns
    -------
    ndarray, shape (count,), int64
    """
    found = np.zeros(count, dtype=np.int64)
    step = max(1, _SLAB_VOXELS * len(indices) // max(1, indices.size))
    for start in range(0, len(indices), step):
        found += np.bincount(indices[start : start + step].ravel(), minlength=count)
    return found
