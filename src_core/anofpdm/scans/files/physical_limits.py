"""What the space of an MRI of the head can be; a header that says otherwise is refused."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError

VOXEL_MM: Final = (0.05, 30.0)
"""Smallest and largest voxel size along any axis, in mm; thick stacks included."""
FIELD_MM: Final = (20.0, 1000.0)
"""Smallest and largest field of view in mm, along the longest of the three axes: a single slice, or
a slab of a few, is thin along one of them, and a part of a slice along two."""
ORIGIN_MM: Final = 10_000.0
"""Largest distance in mm of the first voxel from the origin along any axis."""

_REMEDY: Final = "convert the scan again from DICOM, or correct the voxel sizes in its header"


def check_affine(affine: NDArray[np.float64], name: str) -> None:
    """Refuse a matrix that does not place voxels in space.

    Raises
    ------
    GeometryError
        When it is not an invertible (4, 4) matrix of finite numbers with the last row 0, 0, 0, 1.
    """
    if affine.shape != (4, 4):
        raise GeometryError(
            f"{name} has an affine of shape {affine.shape}, not (4, 4); convert the scan again."
        )
    if (
        not np.isfinite(affine).all()
        or not np.array_equal(affine[3], [0, 0, 0, 1])
        or np.linalg.matrix_rank(affine[:3, :3]) < 3
    ):
        raise GeometryError(
            f"{name} has an affine that does not place its voxels in space "
            f"({affine.tolist()}); convert the scan again, or repair the header's sform."
        )


def check_physical(affine: NDArray[np.float64], shape: tuple[int, ...], name: str) -> None:
    """Refuse a header that no MRI of a head has, before voxels are read.

    Parameters
    ----------
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    shape : tuple of int
        Of the array; its first three axes are the volume's.
    name : str
        What sentences call the file.

    Raises
    ------
    GeometryError
        When the affine places no voxels, or voxel sizes, field of view or origin lie outside
        `VOXEL_MM`, `FIELD_MM` and `ORIGIN_MM`.
    """
    check_affine(affine, name)
    with np.errstate(over="ignore"):
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if sizes.min() < VOXEL_MM[0] or sizes.max() > VOXEL_MM[1]:
        raise GeometryError(
            f"{name} has voxels of {_by(sizes)} mm, but those of an MRI measure {VOXEL_MM[0]:g} to "
            f"{VOXEL_MM[1]:g} mm; {_REMEDY}."
        )
    if len(shape) < 3 or min(shape[:3]) < 1:
        return  # no volume, which is said where the voxels are
    field = sizes * np.array(shape[:3])
    if field.max() > FIELD_MM[1] or field.max() < FIELD_MM[0]:
        raise GeometryError(
            f"{name} has a field of view of {_by(field)} mm, but the longest side of "
            f"an MRI of the head measures {FIELD_MM[0]:g} to {FIELD_MM[1]:g} mm; {_REMEDY}."
        )
    if np.abs(affine[:3, 3]).max() > ORIGIN_MM:
        raise GeometryError(
            f"{name} has its first voxel at {', '.join(f'{x:.6g}' for x in affine[:3, 3])} mm, but "
            f"a scanner's origin is less than {ORIGIN_MM / 1000:g} m away; convert the scan again "
            "from DICOM, or correct the header's sform."
        )


def _by(lengths: NDArray[np.float64]) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths)
