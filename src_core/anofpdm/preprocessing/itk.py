"""Volumes as SimpleITK images and back; SimpleITK is an extra and loaded on use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.scans.foreground import cleaned
from anofpdm.scans.volume import Volume

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def simple_itk() -> Any:
    """Return the module SimpleITK.

    Raises
    ------
    SettingsError
        When it is not installed.
    """
    try:
        import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so
    except ImportError as error:
        raise SettingsError(
            "Registration and bias correction need SimpleITK; install it with pip install "
            "'napari-anofpdm[formats]'."
        ) from error
    return sitk


def itk_image(volume: Volume, data: NDArray[Any] | None = None) -> Any:
    """Return a float32 image with the volume's place in space; its axes are made orthogonal.

    SimpleITK knows no sheared voxels: the rotation nearest to the volume's axes is used.
    """
    sitk = simple_itk()
    values = cleaned(volume.data) if data is None else np.asarray(data, dtype=np.float32)
    affine = _RAS_TO_LPS @ volume.affine
    spacing = np.array(volume.spacing)
    left, _, right = np.linalg.svd(affine[:3, :3] / spacing)
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    image.SetSpacing([float(x) for x in spacing])
    image.SetDirection((left @ right).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def array_of(image: Any) -> NDArray[np.float32]:
    """Return an image's voxels, shape (i, j, k)."""
    array = simple_itk().GetArrayFromImage(image).transpose(2, 1, 0)
    return np.ascontiguousarray(array, dtype=np.float32)
