"""Bytes of a NIfTI file to array, affine and header, and back; every fault is one sentence."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel import imageglobals
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import GeometryError, OutputError, VolumeError

Header = nib.Nifti1Header
_GZIP_MAGIC = b"\x1f\x8b"
_SUFFIXES = (".nii", ".nii.gz")


def load_nifti(path: Path) -> tuple[NDArray[Any], NDArray[np.float64], Header]:
    """Read a NIfTI-1 or NIfTI-2 single file whole.

    Parameters
    ----------
    path : Path
        A .nii or .nii.gz file; whether it is compressed is read off its first bytes.

    Returns
    -------
    data : ndarray
        Voxels with scl_slope and scl_inter applied, in native byte order.
    affine : ndarray, shape (4, 4), float64
        Voxel index to RAS mm: the sform where its code is set, else the qform.
    header : nibabel.Nifti1Header or nibabel.Nifti2Header
        The header as it stands in the file.

    Raises
    ------
    VolumeError
        When the file is missing, not a NIfTI, cut off, or has neither qform nor sform.
    """
    image = _parse(path, _file_bytes(path))
    header = image.header
    if int(header["qform_code"]) == 0 and int(header["sform_code"]) == 0:
        raise VolumeError(
            f"{path} says nothing about where its voxels lie (qform_code and sform_code are 0); "
            "convert the scan again from DICOM, or set the header's sform."
        )
    try:
        data = np.asanyarray(image.dataobj)
        affine = np.asarray(image.affine, dtype=np.float64)
    except (OSError, ValueError, HeaderDataError, MemoryError) as error:
        raise VolumeError(
            f"{path} is cut off or damaged ({_first_line(error)}); fetch or convert it again."
        ) from error
    return np.asarray(data.astype(data.dtype.newbyteorder("="), copy=False)), affine, header


def save_nifti(path: Path, data: NDArray[Any], header: Header, *, overwrite: bool) -> None:
    """Write an array under the geometry of a header; the file appears whole or not at all.

    Parameters
    ----------
    path : Path
        Target, ending in .nii or .nii.gz.
    data : ndarray
        Voxels, written unscaled in their own dtype.
    header : nibabel.Nifti1Header
        qform, sform, their codes, voxel sizes and units are kept as they stand.
    overwrite : bool
        Replace a file that stands at the target.

    Raises
    ------
    OutputError
        When the suffix is another one, the target exists, or it cannot be written.
    """
    if not path.name.endswith(_SUFFIXES):
        raise OutputError(f"{path} must end in .nii or .nii.gz to hold a volume.")
    header = header.copy()
    header.set_data_dtype(data.dtype)
    header["cal_min"] = header["cal_max"] = 0
    # Without an affine nibabel leaves qform and sform untouched, bit for bit.
    image = (
        nib.Nifti2Image(data, None, header)
        if isinstance(header, nib.Nifti2Header)
        else nib.Nifti1Image(data, None, header)
    )
    content = image.to_bytes()
    if path.name.endswith(".gz"):
        content = gzip.compress(content, compresslevel=6, mtime=0)
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def header_for(affine: NDArray[np.float64], shape: tuple[int, ...]) -> Header:
    """Make a NIfTI-1 header that holds an affine (as sform, code 2) for an array of `shape`."""
    header = nib.Nifti1Image(np.broadcast_to(np.uint8(0), shape), affine).header
    header.set_xyzt_units("mm")
    return header


def header_from_bytes(block: bytes) -> Header:
    """Read a header from its 348 (NIfTI-1) or 540 (NIfTI-2) bytes.

    Raises
    ------
    GeometryError
        When the bytes are no NIfTI header.
    """
    if len(block) == 348:
        return nib.Nifti1Header(block, check=False)
    if len(block) == 540:
        return nib.Nifti2Header(block, check=False)
    raise GeometryError(
        f"A stored NIfTI header has {len(block)} bytes where 348 or 540 were expected; "
        "the file that holds it is damaged."
    )


def _file_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise VolumeError(f"{path} does not exist; check the path.") from error
    except OSError as error:
        raise VolumeError(
            f"{path} cannot be read ({error.strerror}); give a .nii or .nii.gz file."
        ) from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        # Whole, so that the checksum at the end is verified as well.
        return gzip.decompress(content)
    except (EOFError, zlib.error, OSError) as error:
        raise VolumeError(
            f"{path} is cut off or damaged ({_first_line(error)}); fetch or convert it again."
        ) from error


def _parse(path: Path, content: bytes) -> nib.Nifti1Image:
    for kind, size in ((nib.Nifti1Image, 348), (nib.Nifti2Image, 540)):
        if not kind.header_class.may_contain_header(content[:size]):
            continue
        if content[344:347] == b"ni1":
            break
        try:
            # What nibabel would log beside an error or a repair, the error says.
            with _without_log():
                return kind.from_stream(io.BytesIO(content))
        except (ImageFileError, HeaderDataError, ValueError, EOFError, OSError) as error:
            raise VolumeError(
                f"{path} has a NIfTI header that cannot be used ({_first_line(error)}); "
                "convert the scan again."
            ) from error
    raise VolumeError(
        f"{path} is not a NIfTI file; give a .nii or .nii.gz volume (dcm2niix converts DICOM)."
    )


@contextmanager
def _without_log() -> Iterator[None]:
    # nibabel's own suppressor takes the handlers away, and Python then logs to stderr.
    before = imageglobals.logger.disabled
    imageglobals.logger.disabled = True
    try:
        yield
    finally:
        imageglobals.logger.disabled = before


def _first_line(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".")
