"""NIfTI headers: made for an affine, read from bytes, and freed of what may name a patient."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError

Header = nib.Nifti1Header

# Free text, in which converters leave names, dates and paths, and what describes other voxels than
# those of a mask or a map.
_TEXT = ("data_type", "db_name", "descrip", "aux_file", "intent_name")
_MEANING = ("intent_code", "intent_p1", "intent_p2", "intent_p3")


def geometry_only(header: Header) -> Header:
    """Return a copy of a header without free text, intent and extensions.

    pixdim, qform, sform, their codes and the units stay bit for bit.
    """
    bare: Header = header.copy()
    for field in _TEXT:
        if field in bare.keys():  # noqa: SIM118 - a header is no mapping; NIfTI-2 lacks two of them
            bare[field] = b""
    for field in _MEANING:
        bare[field] = 0
    bare.extensions = type(bare.extensions)()
    bare["vox_offset"] = 0
    return bare


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
