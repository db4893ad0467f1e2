"""Writers: an image or labels layer to NIfTI, on the grid of the scan it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_anofpdm.space.layer_volume import volume_of_data

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

# Types that NIfTI lacks, and types that hold them without loss.
_STORED_AS: dict[str, DTypeLike] = {
    "float16": np.float32,
    "bool": np.uint8,
    "longdouble": np.float64,
}


def write_image(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer in its own number type.

    Parameters
    ----------
    path : str
        Target, .nii or .nii.gz; an existing file is replaced, since napari has already asked.
    data, attributes
        The layer's voxels (s, a, r) and attributes from napari.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    AnofpdmError
        If the layer has no affine or is not on its scan's grid, or if the file is not writable.
    """
    dtype = np.asarray(data).dtype
    return _write(path, data, attributes, _STORED_AS.get(dtype.name, dtype))


def write_labels(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a labels layer in the smallest of uint8, int16 and int32 that holds its labels.

    See `write_image` for parameters, returns and errors.
    """
    return _write(path, data, attributes, _label_type(np.asarray(data)))


def _write(path: str, data: Any, attributes: Mapping[str, Any], dtype: DTypeLike) -> list[str]:
    from anofpdm import write_nifti

    volume = volume_of_data(data, attributes)
    write_nifti(path, volume.data, volume, dtype, overwrite=True)
    return [path]


def _label_type(labels: NDArray[Any]) -> DTypeLike:
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    for dtype in (np.uint8, np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return dtype
    return np.int64
