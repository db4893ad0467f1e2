"""The fixed part of a NIfTI header: where its voxels stand in the file, and where in space."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from nibabel import imageglobals
from nibabel.volumeutils import apply_read_scaling
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.scans.files.bounded_file import Declared, check_memory, damaged, first_line
from anofpdm.scans.files.header_fields import Header
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.files.header_space import HeaderSpace, header_space
from anofpdm.scans.files.physical_limits import check_physical

LARGEST_HEADER: Final = 540
"""Bytes of the fixed part: 348 of NIfTI-1, 540 of NIfTI-2."""
_LARGEST_PAIR_HEADER: Final = 16 * 2**20  # with its extensions


@dataclass(frozen=True, eq=False)
class NiftiLayout:
    """What the fixed part of a header says of the voxels.

    Attributes
    ----------
    kind : type
        Class of the file's image.
    raw : Header
        As it stands in the file.
    header : Header
        Repaired by nibabel.
    space : HeaderSpace
        Where it places the voxels.
    shape : tuple of int
    dtype : dtype
        As stored.
    offset : int
        Where the voxels begin.
    scaling : tuple of (slope, intercept), or None
    """

    kind: type[nib.Nifti1Pair]
    raw: Header
    header: Header
    space: HeaderSpace
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    scaling: tuple[float, float] | None

    @property
    def declared_voxels(self) -> Declared:
        """Size of the file that holds the voxels."""
        count = math.prod(self.shape)
        end = self.offset + count * self.dtype.itemsize
        if self.scaling is not None:
            decoded = 8 * count
        else:
            decoded = 0 if self.dtype.isnative else count * self.dtype.itemsize
        return Declared(end, end, decoded)

    def declared(self, path: Path, *, paired: bool) -> Declared:
        """Size of the file that holds the header."""
        if not paired:
            return self.declared_voxels
        check_memory(path, sum(self.declared_voxels[1:]))
        return Declared(self.header.sizeof_hdr, _LARGEST_PAIR_HEADER, 0)

    def voxels(self, path: Path, content: bytearray) -> NDArray[Any]:
        """Decode the voxels of a file's content, in native byte order."""
        try:
            data = np.ndarray(self.shape, self.dtype, content, self.offset, order="F")
            if self.scaling is not None:
                data = apply_read_scaling(data, *map(np.float64, self.scaling))
        except (TypeError, ValueError, MemoryError) as error:
            raise damaged(path, error) from error
        return np.asarray(data.astype(data.dtype.newbyteorder("="), copy=False))

    def whole_header(self, path: Path, content: bytearray, *, paired: bool) -> Header:
        """Read the whole header, extensions included, which must be sound as well."""
        block = content if paired else content[: max(self.offset, self.header.sizeof_hdr + 4)]
        try:
            with _without_log():
                header: Header = self.kind.header_class.from_fileobj(io.BytesIO(block))
            return header
        except Exception as error:  # as above
            raise _invalid(path, error) from error


def nifti_layout(
    path: Path, head: bytes, form: Form | None, name: str, *, paired: bool
) -> NiftiLayout:
    """Read the fixed part of a header, and refuse what no scan of a head has.

    Parameters
    ----------
    path : Path
        The file, for sentences.
    head : bytes
        Its first `LARGEST_HEADER` bytes, or all of a shorter file.
    form, name
        As of `load_nifti`.
    paired : bool
        Whether it is the header of a pair.

    Raises
    ------
    VolumeError
        When it is no NIfTI header, an invalid one, or does not place its voxels.
    GeometryError
        When voxel sizes, field of view or origin are impossible.
    """
    kind, raw = _kind_of(path, head, paired=paired)
    try:
        # What nibabel would log beside an error or a repair, the error says.
        with _without_log():
            header = kind.header_class(raw.binaryblock, raw.endianness, check=True)
        shape = tuple(int(n) for n in header.get_data_shape())
        offset, dtype = int(header.get_data_offset()), header.get_data_dtype()
        slope, inter = header.get_slope_inter()
    except Exception as error:  # nibabel raises nearly anything on a damaged header
        raise _invalid(path, error) from error
    space = header_space(header, raw["pixdim"], shape, form, name)
    if offset < 0 or not shape or min(shape) < 1:
        raise _invalid(path, f"shape {shape}, voxels from byte {offset}")
    check_physical(space.affine, shape, name)
    plain = slope is None or (slope, inter) == (1.0, 0.0)
    scaling = None if plain else (slope, inter)
    return NiftiLayout(kind, raw, header, space, shape, dtype, offset, scaling)


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
        f"{path} is not a NIfTI file; use a NIfTI, MGZ, NRRD or MetaImage file, or the folder of a "
        "DICOM series."
    )


def _invalid(path: Path, error: BaseException | str) -> VolumeError:
    said = error if isinstance(error, str) else first_line(error)
    return VolumeError(f"{path} has an invalid NIfTI header ({said}); convert the scan again.")


@contextmanager
def _without_log() -> Iterator[None]:
    # nibabel's own suppressor takes the handlers away, and Python then logs to stderr.
    before = imageglobals.logger.disabled
    imageglobals.logger.disabled = True
    try:
        yield
    finally:
        imageglobals.logger.disabled = before
