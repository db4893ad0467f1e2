"""Bytes of a NIfTI file to array, affine and header, and back; every fault is one sentence."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel import imageglobals
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import OutputError, VolumeError
from anofpdm.common.pointer_files import missing_content
from anofpdm.scans.files.header_fields import Header, geometry_only
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.files.header_space import header_space
from anofpdm.scans.files.suffixes import NIFTI_SUFFIXES, PAIR_SUFFIXES

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, eq=False)
class Loaded:
    """A file's voxels and where they lie.

    Attributes
    ----------
    data : ndarray
        Voxels with slope and intercept applied, in native byte order; three axes or more.
    affine : ndarray, shape (4, 4), float64
        Voxel index to RAS mm.
    header : nibabel.Nifti1Header, nibabel.Nifti2Header or None
        The file's geometry for results, without free text and extensions; None where the file is
        no NIfTI.
    warnings : tuple of str
        Sentences on what the header contradicts itself in, or on a unit that was converted.
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]
    header: Header | None
    warnings: tuple[str, ...] = ()


def load_nifti(path: Path, form: Form | None, name: str) -> Loaded:
    """Read a NIfTI-1 or NIfTI-2 file whole, or a pair of a header and an image file.

    Parameters
    ----------
    path : Path
        A .nii or .nii.gz file, whether it is compressed is read off its first bytes; or one of
        the two files of a pair (.hdr and .img).
    form : {"sform", "qform"} or None
        What places the voxels; see `header_space`.
    name : str
        What warnings call the file.

    Raises
    ------
    VolumeError
        When the file is missing, not a NIfTI, cut off, or does not place its voxels.
    GeometryError
        When a voxel size is 0.
    """
    first, second = _pair_of(path)
    content = file_bytes(first)
    kind, raw = _kind_of(first, content, paired=second is not None)
    image = _parse(path, kind, content, None if second is None else file_bytes(second))
    header = image.header
    space = header_space(header, raw["pixdim"], image.shape, form, name)
    try:
        data = np.asanyarray(image.dataobj)
    except (OSError, ValueError, HeaderDataError, MemoryError) as error:
        raise damaged(path, error) from error
    data = np.asarray(data.astype(data.dtype.newbyteorder("="), copy=False))
    return Loaded(data, space.affine, _as_single_file(header, raw, space.affine), space.warnings)


def save_nifti(path: Path, data: NDArray[Any], header: Header, *, overwrite: bool) -> None:
    """Write an array under the geometry of a header; the file appears whole or not at all.

    Parameters
    ----------
    path : Path
        Target, ending in .nii or .nii.gz.
    data : ndarray
        Voxels, written unscaled in their own dtype.
    header : nibabel.Nifti1Header
        qform, sform, their codes, voxel sizes and units are kept unchanged; free text, intent
        and extensions, which may name a patient, are left out.
    overwrite : bool
        Replace an existing file at the target.

    Raises
    ------
    OutputError
        When the suffix is another one, the target exists, or it cannot be written.
    """
    if not path.name.endswith(NIFTI_SUFFIXES):
        raise OutputError(f"{path} must end in .nii or .nii.gz.")
    header = geometry_only(header)
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


def damaged(path: Path, error: BaseException) -> VolumeError:
    """Say that a file cannot be read whole."""
    return VolumeError(
        f"{path} is truncated or damaged ({first_line(error)}); copy or convert it again."
    )


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line without a full stop."""
    text = str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".")


def _pair_of(path: Path) -> tuple[Path, Path | None]:
    """Header and image file of a pair; the file itself and None where it stands alone."""
    lower = path.name.lower()
    for packed in ("", ".gz"):
        for own in PAIR_SUFFIXES:
            if not lower.endswith(own + packed):
                continue
            stem = path.name[: len(path.name) - len(own + packed)]
            found = []
            for suffix in PAIR_SUFFIXES:
                written = suffix.upper() if path.name[len(stem) :].isupper() else suffix
                candidates = [path.with_name(stem + written + end) for end in (packed, "", ".gz")]
                there = [candidate for candidate in candidates if candidate.is_file()]
                if suffix != own and not there and path.is_file():
                    raise VolumeError(
                        f"{path} is one half of a pair, but {candidates[0].name} is missing beside "
                        "it; copy both files."
                    )
                found.append(path if suffix == own else (there or candidates)[0])
            return found[0], found[1]
    return path, None


def file_bytes(path: Path) -> bytes:
    """Content of a file, unpacked; a fault is a `VolumeError`."""
    if (fault := missing_content(path)) is not None:
        raise VolumeError(fault)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise VolumeError(f"{path} does not exist; check the path.") from error
    except OSError as error:
        raise VolumeError(
            f"{path} cannot be read ({error.strerror}); choose a .nii or .nii.gz file."
        ) from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        # Whole, so that the checksum at the end is verified as well.
        return gzip.decompress(content)
    except (EOFError, zlib.error, OSError) as error:
        raise damaged(path, error) from error


def _kind_of(path: Path, content: bytes, *, paired: bool) -> tuple[type[nib.Nifti1Pair], Header]:
    """Class of the file's image, and its header as it stands, not repaired."""
    kinds: tuple[tuple[type[nib.Nifti1Pair], bytes], ...] = (
        (nib.Nifti1Pair, b"ni1") if paired else (nib.Nifti1Image, b"n+1"),
        (nib.Nifti2Pair, b"ni2") if paired else (nib.Nifti2Image, b"n+2"),
    )
    for kind, magic in kinds:
        size = kind.header_class.sizeof_hdr
        start = 344 if size == 348 else 4
        if (
            len(content) >= size
            and kind.header_class.may_contain_header(content[:size])
            and content[start : start + 3] == magic
        ):
            return kind, kind.header_class(content[:size], check=False)
    if paired:
        raise VolumeError(
            f"{path} is not the header of a NIfTI pair (the older Analyze format does not record "
            "left and right); convert the scan again to .nii or .nii.gz."
        )
    raise VolumeError(
        f"{path} is not a NIfTI file; use a .nii or .nii.gz volume (dcm2niix converts DICOM)."
    )


def _parse(
    path: Path, kind: type[nib.Nifti1Pair], content: bytes, voxels: bytes | None
) -> nib.Nifti1Pair:
    header = nib.FileHolder(fileobj=io.BytesIO(content))
    image = header if voxels is None else nib.FileHolder(fileobj=io.BytesIO(voxels))
    try:
        # What nibabel would log beside an error or a repair, the error says.
        with _without_log():
            found: nib.Nifti1Pair = kind.from_file_map({"header": header, "image": image})
            return found
    except (ImageFileError, HeaderDataError, ValueError, EOFError, OSError) as error:
        raise VolumeError(
            f"{path} has an invalid NIfTI header ({first_line(error)}); convert the scan again."
        ) from error


def _as_single_file(header: Header, raw: Header, affine: NDArray[np.float64]) -> Header:
    """Header for results: its geometry as it stands in the file, for a file of its own."""
    kind: Any = nib.Nifti2Header if header.sizeof_hdr == 540 else nib.Nifti1Header
    single: Header = kind(header.binaryblock, header.endianness, check=False)
    single["magic"] = single.single_magic
    # nibabel makes sizes positive on reading. A size of 0, which is read by the sform alone, is
    # mended, so that other programs can read the results.
    if np.asarray(raw["pixdim"][1:4]).all():
        single["pixdim"] = raw["pixdim"]
    else:
        single["pixdim"][1:4] = np.linalg.norm(affine[:3, :3], axis=0)
    return geometry_only(single)


@contextmanager
def _without_log() -> Iterator[None]:
    # nibabel's own suppressor takes the handlers away, and Python then logs to stderr.
    before = imageglobals.logger.disabled
    imageglobals.logger.disabled = True
    try:
        yield
    finally:
        imageglobals.logger.disabled = before
