"""Volumes of other formats than NIfTI: MGZ by nibabel; NRRD and MetaImage by SimpleITK."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.common.pointer_files import missing_content
from anofpdm.scans.files.bounded_file import (
    BoundedFile,
    Declared,
    check_memory,
    damaged,
    first_line,
)
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.files.itk_header import check_itk_header
from anofpdm.scans.files.nifti import Loaded, load_nifti
from anofpdm.scans.files.physical_limits import check_physical
from anofpdm.scans.files.suffixes import (
    FREESURFER_SUFFIXES,
    META_IMAGE_SUFFIXES,
    NRRD_SUFFIXES,
)

_MGH_HEADER: Final = 284
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def load(path: Path, form: Form | None, name: str) -> Loaded:
    """Read a file of any known format, chosen by its suffix. See `load_nifti`."""
    lower = path.name.lower()
    if not lower.endswith((*FREESURFER_SUFFIXES, *NRRD_SUFFIXES, *META_IMAGE_SUFFIXES)):
        return load_nifti(path, form, name)
    if form is not None:
        raise VolumeError(
            f"{name} has neither an sform nor a qform, as only NIfTI does; leave --form out."
        )
    if lower.endswith(FREESURFER_SUFFIXES):
        return _load_mgh(path, name)
    return _load_by_simpleitk(path, name)


def _load_mgh(path: Path, name: str) -> Loaded:
    with BoundedFile(path) as file:
        head = file.head(_MGH_HEADER)
        try:
            header = nib.MGHImage.header_class.from_fileobj(io.BytesIO(head))
            shape, dtype = tuple(map(int, header.get_data_shape())), header.get_data_dtype()
            affine = np.asarray(header.get_affine(), dtype=np.float64)
            offset = int(header.get_data_offset())
            placed = int(header["goodRASFlag"]) == 1
        except Exception as error:  # nibabel raises nearly anything on a damaged header
            raise damaged(path, error) from error
        if not placed:
            raise VolumeError(
                f"{path} has no orientation (its RAS flag is not set); convert "
                "the scan again from DICOM."
            )
        if min(shape) < 1:
            raise damaged(path, f"shape {shape}")
        check_physical(affine, shape, name)
        size = math.prod(shape) * dtype.itemsize
        content = file.whole(Declared(offset + size, offset + size, size))
    data = np.ndarray(shape, dtype, content, offset, order="F")
    return Loaded(np.asarray(data.astype(dtype.newbyteorder("="))), affine, None)


def _load_by_simpleitk(path: Path, name: str) -> Loaded:
    if (fault := missing_content(path)) is not None:
        raise VolumeError(fault)
    if not path.exists():
        raise VolumeError(f"{path} does not exist; check the path.")
    check_itk_header(path)
    try:
        import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so
    except ImportError as error:
        raise VolumeError(
            f"{path} needs SimpleITK to be read: install it (pip install "
            "'napari-anofpdm[formats]'), or save the scan as .nii.gz, in 3D Slicer for instance."
        ) from error
    reader: Any = sitk.ImageFileReader()
    try:
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        placed = "NRRD_space" in reader.GetMetaDataKeys()
        shape = tuple(reader.GetSize())
        values = math.prod(shape) * reader.GetNumberOfComponents()
        size = values * _itk_bytes(sitk.GetPixelIDValueAsString(reader.GetPixelID()))
    except (RuntimeError, UnicodeError) as error:
        raise _itk_fault(path, error) from error
    if path.name.lower().endswith(NRRD_SUFFIXES) and not placed:
        raise VolumeError(
            f"{path} has no orientation (it has no field 'space'); convert "
            "the scan again from DICOM."
        )
    if len(shape) >= 3:
        check_physical(_ras_affine(reader), shape, name)
    check_memory(path, 2 * size)  # ITK's image, and the array
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise _itk_fault(path, error) from error
    array = sitk.GetArrayFromImage(image)
    dimensions = image.GetDimension()
    # SimpleITK gives the axes in reverse, and behind them the components of a voxel.
    data = array.transpose((*reversed(range(dimensions)), *range(dimensions, array.ndim)))
    return Loaded(data, _ras_affine(image), None)


def _ras_affine(image: Any) -> NDArray[np.float64]:
    """Voxel index to RAS mm of a SimpleITK image, whose world is LPS."""
    n = image.GetDimension()
    if n < 3:
        return np.eye(4)  # no volume; its shape is refused
    direction = np.array(image.GetDirection()).reshape(n, n)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = _LPS_TO_RAS @ direction @ np.diag(image.GetSpacing()[:3])
    affine[:3, 3] = _LPS_TO_RAS @ image.GetOrigin()[:3]
    return affine


def _itk_bytes(pixel: str) -> int:
    """Bytes of a number, from the words of a pixel type: "vector of 16-bit signed integer"."""
    bits = re.search(r"(\d+)-bit", pixel)
    return int(bits[1]) // 8 * (2 if "complex" in pixel else 1) if bits else 8


def _itk_fault(path: Path, error: Exception) -> VolumeError:
    return VolumeError(f"{path} cannot be read ({_itk_says(error)}); copy or convert it again.")


def _itk_says(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if "ERROR" not in line), first_line(error))
    return said.rstrip(".")[:200]
