"""Bytes of a NIfTI file to array, affine and header, and back; every fault is one sentence."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import OutputError, VolumeError
from anofpdm.scans.files.bounded_file import BoundedFile
from anofpdm.scans.files.header_fields import Header, geometry_only
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.files.nifti_layout import LARGEST_HEADER, nifti_layout
from anofpdm.scans.files.suffixes import NIFTI_SUFFIXES, PAIR_SUFFIXES


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
    with BoundedFile(first) as file:
        layout = nifti_layout(
            first, file.head(LARGEST_HEADER), form, name, paired=second is not None
        )
        content = file.whole(layout.declared(path, paired=second is not None))
    header = layout.whole_header(first, content, paired=second is not None)
    if second is not None:
        with BoundedFile(second) as file:
            content = file.whole(layout.declared_voxels)
    data = layout.voxels(path, content)
    single = _as_single_file(header, layout.raw, layout.space.affine)
    return Loaded(data, layout.space.affine, single, layout.space.warnings)


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
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        if path.name.endswith(".gz"):
            # Without name and time, so that equal results are equal files.
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(file)


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
