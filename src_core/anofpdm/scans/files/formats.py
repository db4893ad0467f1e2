"""Volumes of other formats than NIfTI: MGZ by nibabel; NRRD and MetaImage by SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.common.pointer_files import missing_content
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.files.nifti import (
    Loaded,
    damaged,
    file_bytes,
    first_line,
    load_nifti,
)
from anofpdm.scans.files.suffixes import (
    FREESURFER_SUFFIXES,
    META_IMAGE_SUFFIXES,
    NRRD_SUFFIXES,
)

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
    if (fault := missing_content(path)) is not None:
        raise VolumeError(fault)
    if not path.exists():
        raise VolumeError(f"{path} does not exist; check the path.")
    return _load_mgh(path) if lower.endswith(FREESURFER_SUFFIXES) else _load_by_simpleitk(path)


def _load_mgh(path: Path) -> Loaded:
    try:
        image = nib.MGHImage.from_bytes(file_bytes(path))
        data = np.asanyarray(image.dataobj)
    except (ImageFileError, HeaderDataError, OSError, ValueError, EOFError, TypeError) as error:
        raise damaged(path, error) from error
    if int(image.header["goodRASFlag"]) != 1:
        raise VolumeError(
            f"{path} has no orientation (its RAS flag is not set); convert "
            "the scan again from DICOM."
        )
    data = np.asarray(data.astype(data.dtype.newbyteorder("="), copy=False))
    return Loaded(data, np.asarray(image.affine, dtype=np.float64), None)


def _load_by_simpleitk(path: Path) -> Loaded:
    try:
        import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so
    except ImportError as error:
        raise VolumeError(
            f"{path} needs SimpleITK to be read: install it (pip install "
            "'napari-anofpdm[formats]'), or save the scan as .nii.gz, in 3D Slicer for instance."
        ) from error
    reader: Any = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise VolumeError(
            f"{path} cannot be read ({_itk_says(error)}); copy or convert it again."
        ) from error
    if path.name.lower().endswith(NRRD_SUFFIXES) and "NRRD_space" not in image.GetMetaDataKeys():
        raise VolumeError(
            f"{path} has no orientation (it has no field 'space'); convert "
            "the scan again from DICOM."
        )
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


def _itk_says(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if "ERROR" not in line), first_line(error))
    return said.rstrip(".")[:200]
