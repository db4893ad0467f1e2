"""Voxels written as NRRD, for 3D Slicer and other programs built on ITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import OutputError
from anofpdm.scans.volume import Volume


def check_nrrd_output(grid: Volume | None = None) -> Any:
    """Return SimpleITK, if NRRD can be written.

    Parameters
    ----------
    grid : Volume, optional
        Whose geometry must be one that NRRD programs read.

    Raises
    ------
    OutputError
        When SimpleITK is not installed, or the voxels of `grid` are sheared.
    """
    try:
        import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so
    except ImportError as error:
        raise OutputError(
            "NRRD results need SimpleITK: install it (pip install 'napari-anofpdm[formats]'), or "
            "leave --nrrd out."
        ) from error
    if grid is not None:
        axes = grid.affine[:3, :3] / np.array(grid.spacing)
        if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
            raise OutputError(
                f"{grid.name} has sheared voxels, which NRRD programs do not read; leave --nrrd "
                "out."
            )
    return sitk


def write_nrrd(path: Path, data: NDArray[Any], grid: Volume) -> None:
    """Write an array on the grid of a volume as compressed NRRD.

    Parameters
    ----------
    path : Path
        Ending in .nrrd; it is replaced.
    data : ndarray, shape of `grid`
    grid : Volume

    Raises
    ------
    OutputError
        See `check_nrrd_output`; or when the file cannot be written.
    """
    sitk = check_nrrd_output(grid)
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose()))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine
    image.SetSpacing(grid.spacing)
    image.SetDirection((lps[:3, :3] / np.array(grid.spacing)).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    try:
        sitk.WriteImage(image, str(path), True)
    except RuntimeError as error:
        raise OutputError(f"{path} cannot be written; choose another folder.") from error
