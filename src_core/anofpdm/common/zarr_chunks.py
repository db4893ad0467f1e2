"""Chunks of Zarr arrays, read so that none is taken for another: absent and altered ones are named.

Zarr reads an absent chunk as zeros. Arrays are written with every chunk, and with a checksum behind
each (the codec crc32c), so that an absent file or another checksum means damage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray


class ChunkError(Exception):
    """The file of a chunk is absent or holds what was never written.

    Attributes
    ----------
    file : str
        Its path within the store.
    """

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


def absent_chunk(array: zarr.Array[Any], store: Path) -> str | None:
    """Return the file of the first chunk that is not there, or None.

    Parameters
    ----------
    array : zarr.Array
    store : Path
        The folder of the root group.
    """
    files = (_file(array, index) for index in np.ndindex(array.cdata_shape))
    return next((file for file in files if not (store / file).is_file()), None)


def read_chunk(array: zarr.Array[Any], store: Path, number: int = 0) -> NDArray[Any]:
    """Read a chunk of an array whose chunks divide its first axis only.

    Parameters
    ----------
    array : zarr.Array
    store : Path
        The folder of the root group.
    number : int
        Of the chunk, along the first axis.

    Raises
    ------
    ChunkError
        When its file is absent or altered.
    """
    file = _file(array, (number,) + (0,) * (array.ndim - 1))
    rows = array.chunks[0]
    try:
        if not (store / file).is_file():
            raise ChunkError(file)
        return np.asarray(array[number * rows : (number + 1) * rows])
    except (OSError, ValueError, RuntimeError) as error:
        raise ChunkError(file) from error


def _file(array: zarr.Array[Any], index: tuple[int, ...]) -> str:
    return f"{array.path}/{array.metadata.encode_chunk_key(index)}"
