"""Chunks of Zarr arrays, read so that none is taken for another: absent and altered ones are named.

Zarr reads an absent chunk as zeros. Arrays are written with every chunk, and with a checksum behind
each (the codec crc32c), so that an absent file or another checksum means damage.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec

from anofpdm.common.errors import DeviceError
from anofpdm.common.memory import memory_fault


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
    DeviceError
        When memory does not suffice.
    """
    file = _file(array, (number,) + (0,) * (array.ndim - 1))
    rows = array.chunks[0]
    try:
        if not (store / file).is_file():
            raise ChunkError(file)
        if (fault := memory_fault(2 * math.prod(array.chunks) * array.dtype.itemsize)) is not None:
            raise DeviceError(f"{store / file} {fault}; close other programs.")
        return np.asarray(array[number * rows : (number + 1) * rows])
    except (ChunkError, DeviceError):
        raise
    except Exception as error:  # codecs raise nearly anything on damaged input, SystemError too
        raise ChunkError(file) from error


def ends_with_checksum(array: zarr.Array[Any]) -> bool:
    """Tell whether a checksum behind each chunk is verified before the chunk is unpacked."""
    codecs: tuple[object, ...] = getattr(array.metadata, "codecs", ())
    return bool(codecs) and isinstance(codecs[-1], Crc32cCodec)


def _file(array: zarr.Array[Any], index: tuple[int, ...]) -> str:
    return f"{array.path}/{array.metadata.encode_chunk_key(index)}"
