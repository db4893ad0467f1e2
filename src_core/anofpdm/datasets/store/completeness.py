"""Whether a stored dataset is one, and complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import zarr
from pydantic import ValidationError

from anofpdm.common.errors import DatasetError
from anofpdm.common.reading import SMALL_FILE, one_line
from anofpdm.common.validation import sentence
from anofpdm.common.zarr_chunks import absent_chunk, ends_with_checksum
from anofpdm.datasets.store.attributes import DatasetAttributes
from anofpdm.datasets.store.writer import ARRAYS, CHUNK_ROWS, FORMAT, FORMAT_VERSION


def checked_attributes(path: Path, stored: dict[str, Any]) -> DatasetAttributes:
    """Read the attributes of a dataset's root group.

    Raises
    ------
    DatasetError
        When it is no slice dataset, of an unknown version, or an attribute is not what it must be.
    """
    if stored.get("format") != FORMAT:
        raise DatasetError(f"{path} is a Zarr folder but not a slice dataset.")
    if stored.get("format_version") != FORMAT_VERSION:
        raise DatasetError(
            f"{path} has dataset format {one_line(stored.get('format_version'))[:40]}, but this "
            f"program reads {FORMAT_VERSION}; make the dataset again."
        )
    try:
        return DatasetAttributes.model_validate(stored)
    except ValidationError as error:
        said = sentence(error, str(path)).rstrip(".")
        raise DatasetError(f"{said}; make the dataset again.") from error


def check_complete(path: Path, group: zarr.Group, attributes: DatasetAttributes) -> None:
    """Refuse a dataset whose arrays are not what its attributes promise.

    Raises
    ------
    DatasetError
        When an array or a chunk is missing, or an array is not as it was written.
    """
    names = [n for n in ARRAYS if n != "truth" or attributes.has_truth]
    arrays = {}
    for name in names:
        array = _stored_array(path, group, name)
        if array is None or array.shape[0] != attributes.slices:
            raise DatasetError(
                f'{path} is incomplete (the array "{name}" lacks slices); make it again.'
            )
        absent = absent_chunk(array, path)
        if absent is not None:
            raise DatasetError(f"{path} is incomplete ({absent} is missing); make it again.")
        arrays[name] = array
    images = arrays["images"].shape
    for name, array in arrays.items():
        plane = {"images": images[1:], "foreground": images[2:], "truth": images[2:]}
        if len(images) != 4 or array.shape[1:] != plane.get(name, ()):
            raise _damaged(path, name)
    if images[1] != len(attributes.modalities):
        raise _damaged(path, "images")


def _stored_array(path: Path, group: zarr.Group, name: str) -> zarr.Array[Any] | None:
    described = path / name / "zarr.json"
    if not described.exists():
        return None
    if not described.is_file() or described.stat().st_size > SMALL_FILE:
        raise _damaged(path, name)
    try:
        array = group.get(name)
    except Exception as error:  # damaged metadata make Zarr raise nearly anything
        raise _damaged(path, name) from error
    if array is None:
        return None
    if not isinstance(array, zarr.Array) or not _is_as_written(name, array):
        raise _damaged(path, name)
    return array


def _is_as_written(name: str, array: zarr.Array[Any]) -> bool:
    # Chunks of more rows would be unpacked whole for each batch.
    rows = CHUNK_ROWS if name in ("images", "foreground", "truth") else max(1, array.shape[0])
    return (
        array.dtype == ARRAYS[name]
        and array.chunks[1:] == array.shape[1:]
        and array.chunks[0] == rows
        and min(array.shape) > 0
        and ends_with_checksum(array)
    )


def _damaged(path: Path, name: str) -> DatasetError:
    return DatasetError(
        f"{path} is damaged: {name}/zarr.json is not what was written; make the dataset again."
    )
