"""Single entries of an uncompressed Zarr array, read straight from its chunk files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import DatasetError
from anofpdm.common.reading import file_bytes


class RawChunks:
    """Random access to the first axis of an array whose chunks span all other axes.

    A batch of training slices lies scattered over the dataset. Zarr reads whole chunks; where these
    are not compressed, an entry is a stretch of its chunk's file (a checksum follows the last), and
    can be read alone.

    Parameters
    ----------
    path : Path
        The array's folder.
    rows : int
        Entries in a chunk.
    shape : tuple of int
        Of an entry.
    dtype : dtype
        Of its numbers.
    """

    def __init__(self, path: Path, rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._path, self._rows, self._shape, self._dtype = path, rows, shape, dtype
        self._bytes = int(np.prod(shape)) * dtype.itemsize
        self._tail = ["0"] * len(shape)

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Open an array's folder; None where its chunk files hold anything but its plain numbers.

        The terms are those of the Zarr specification, version 3.
        """
        metadata = json.loads(file_bytes(path / "zarr.json", DatasetError))
        first, *others = metadata["codecs"]
        key = metadata["chunk_key_encoding"]
        rows, *chunk = metadata["chunk_grid"]["configuration"]["chunk_shape"]
        shape = metadata["shape"][1:]
        plain = (
            first["name"] == "bytes"
            and first.get("configuration", {}).get("endian", sys.byteorder) == sys.byteorder
            and all(codec["name"] == "crc32c" for codec in others)
            and key["name"] == "default"
            and key.get("configuration", {}).get("separator", "/") == "/"
            and chunk == shape
        )
        return cls(path, rows, tuple(shape), np.dtype(metadata["data_type"])) if plain else None

    def read(self, positions: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Read entries at any positions, in their order; may be called from several threads.

        Raises
        ------
        DatasetError
            When a chunk's file is missing or too short.
        """
        out = np.empty((len(positions), *self._shape), dtype=self._dtype)
        rows = out.reshape(len(positions), -1).view(np.uint8)
        for row, position in zip(rows, positions.tolist(), strict=True):
            chunk, place = divmod(position, self._rows)
            path = self._path.joinpath("c", str(chunk), *self._tail)
            try:
                with path.open("rb") as file:
                    file.seek(place * self._bytes)
                    got = file.readinto(row.data)
            except OSError as error:
                raise DatasetError(
                    f"{path} cannot be read ({error.strerror}); check the disk."
                ) from error
            if got != self._bytes:
                raise DatasetError(f"{path} is truncated; make the dataset again.")
        return out
