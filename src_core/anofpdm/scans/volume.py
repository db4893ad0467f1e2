"""`Volume`: one 3-D scan with its exact voxel-to-RAS affine; NIfTI in and out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from anofpdm.common.errors import GeometryError, VolumeError
from anofpdm.scans.nifti import Header, header_for, load_nifti, save_nifti


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D scan on its own voxel grid.

    Attributes
    ----------
    data : ndarray, shape (i, j, k)
        Real voxel values, in the scanner's units; a 4-D array with one frame is taken as 3-D.
    affine : ndarray, shape (4, 4), float64
        Voxel index (i, j, k, 1) to RAS mm.
    modality : str or None
        Name of the contrast ("flair", "t1", ...), lower case as bundles spell it.
    path : Path or None
        The file it was read from, for messages.
    header : nibabel.Nifti1Header or None
        The file's header, kept so that results carry the same qform, sform, codes and units.

    Raises
    ------
    VolumeError
        When the array is not one real 3-D volume.
    GeometryError
        When the affine is not an invertible (4, 4) matrix.
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]
    modality: str | None = None
    path: Path | None = None
    header: Header | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Bring array and affine to their stated form, or say why they have none."""
        object.__setattr__(self, "data", _as_real_3d(np.asarray(self.data), self.name))
        affine = np.asarray(self.affine, dtype=np.float64)
        if (
            affine.shape != (4, 4)
            or not np.isfinite(affine).all()
            or not np.array_equal(affine[3], [0, 0, 0, 1])
            or np.linalg.matrix_rank(affine[:3, :3]) < 3
        ):
            raise GeometryError(
                f"{self.name} has an affine that does not place its voxels in space "
                f"({affine.tolist()}); convert the scan again, or repair the header's sform."
            )
        object.__setattr__(self, "affine", affine)

    @property
    def name(self) -> str:
        """What messages call this volume: its file, else its modality."""
        if self.path is not None:
            return str(self.path)
        return f"The {self.modality} volume" if self.modality else "The volume"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along each axis."""
        i, j, k = self.data.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along each axis of the array."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def geometry_header(self) -> Header:
        """Header that results on this grid are written with."""
        if self.header is not None:
            return self.header
        return header_for(self.affine, self.shape)


def read_volume(path: str | Path, modality: str | None = None) -> Volume:
    """Read a NIfTI volume.

    Parameters
    ----------
    path : str or Path
        A .nii or .nii.gz file, 3-D or 4-D with one frame, of any real dtype and orientation.
    modality : str or None
        Name of its contrast.

    Raises
    ------
    VolumeError
        When the file is missing, not a NIfTI, cut off, 4-D, RGB, complex, or has no affine.
    GeometryError
        When its affine is singular.
    """
    path = Path(path)
    data, affine, header = load_nifti(path)
    return Volume(data, affine, modality, path, header)


def write_nifti(
    path: str | Path,
    data: NDArray[Any],
    like: Volume,
    dtype: DTypeLike,
    *,
    overwrite: bool = False,
) -> None:
    """Write voxels on the grid of another volume, with that volume's exact header geometry.

    Parameters
    ----------
    path : str or Path
        Target, .nii or .nii.gz; it appears whole or not at all.
    data : ndarray, shape of `like`
        Voxel values.
    like : Volume
        Whose affine, qform, sform, codes, voxel sizes and units the file gets.
    dtype : dtype
        How the values are stored (uint8 for masks, float32 for maps).
    overwrite : bool
        Replace a file that stands at `path`.

    Raises
    ------
    GeometryError
        When the shapes differ.
    OutputError
        When the file exists already or cannot be written.
    """
    if data.shape != like.shape:
        raise GeometryError(
            f"An array of shape {data.shape} cannot be written on the grid of {like.name}, "
            f"which has shape {like.shape}."
        )
    voxels = np.asarray(data, dtype=dtype)
    save_nifti(Path(path), voxels, like.geometry_header(), overwrite=overwrite)


def check_same_grid(first: Volume, second: Volume) -> None:
    """Refuse two volumes whose voxels do not coincide to a tenth of a voxel.

    Raises
    ------
    GeometryError
        Naming both, how they differ, and the remedy.
    """
    if first.shape != second.shape:
        difference = f"shapes {first.shape} and {second.shape}"
    else:
        moved = _largest_shift(first, second)
        if moved <= 0.1 * min(first.spacing):
            return
        difference = (
            f"their affines place the same voxel up to {moved:.3g} mm apart; origins "
            f"{_origin(first)} and {_origin(second)} mm"
        )
    raise GeometryError(
        f"{first.name} and {second.name} are on different grids ({difference}); "
        "resample one onto the other first."
    )


def _largest_shift(first: Volume, second: Volume) -> float:
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(first.shape) - 1)
    gap = first.affine - second.affine
    return float(np.linalg.norm(corners @ gap[:3, :3].T + gap[:3, 3], axis=1).max())


def _origin(volume: Volume) -> list[float]:
    return [round(float(x), 2) for x in volume.affine[:3, 3]]


def _as_real_3d(data: NDArray[Any], name: str) -> NDArray[Any]:
    if data.dtype.kind == "V":
        raise VolumeError(f"{name} holds RGB colours, not intensities; give the scan itself.")
    if data.dtype.kind == "c":
        raise VolumeError(f"{name} holds complex numbers; give the magnitude image.")
    if data.dtype.kind not in "fiub":
        raise VolumeError(f"{name} holds values of type {data.dtype}; give real numbers.")
    if data.ndim > 3 and all(n == 1 for n in data.shape[3:]):
        data = data.reshape(data.shape[:3])
    if data.ndim > 3:
        frames = int(np.prod(data.shape[3:]))
        raise VolumeError(
            f"{name} is a series of {frames} frames (shape {data.shape}), not one volume; "
            "extract the one you mean."
        )
    if data.ndim != 3 or 0 in data.shape:
        raise VolumeError(f"{name} has shape {data.shape}; a volume has three axes of 1 or more.")
    return data
