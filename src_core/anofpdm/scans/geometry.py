"""`SliceGeometry`: where the network's pixels lie in the input volume, and the way back to it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from anofpdm.common.errors import GeometryError
from anofpdm.common.reading import one_line, reading
from anofpdm.scans.files.header_fields import header_from_bytes
from anofpdm.scans.files.physical_limits import FIELD_MM, VOXEL_MM, check_physical
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.resampling import Matrix, antialias_matrix, linear_matrix
from anofpdm.scans.volume import Volume

Direction = Literal["R", "L", "A", "P"]
_LESION_SHARE = 0.5
_LARGEST_SIZE = 1024
# The smallest voxels along a row of the longest field of view, twice.
_MOST_VOXELS = 2 * FIELD_MM[1] / VOXEL_MM[0]
_TOWARD: dict[str, tuple[int, int]] = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1)}


class ImageAxis(NamedTuple):
    """One axis of the network's image: pixel j lies at canonical index ``start + step * j``.

    Attributes
    ----------
    axis : int
        Canonical axis it runs along: 0 toward the right, 1 toward the front.
    start, step : float
        In voxels of that axis; a negative step runs toward the left or the back.
    """

    axis: int
    start: float
    step: float


def image_axis(
    direction: str,
    size: int,
    length: int,
    spacing: float,
    field: tuple[float, float] | None,
) -> ImageAxis:
    """Lay the network's pixels along one canonical axis.

    Parameters
    ----------
    direction : {"R", "L", "A", "P"}
        Toward which the pixel index grows.
    size : int
        Number of pixels.
    length : int
        Number of voxels along the axis.
    spacing : float
        Voxel size in mm.
    field : tuple of (extent in mm, centre as fractional voxel index), or None
        The fixed field of view; None stretches the whole axis onto the pixels.
    """
    axis, sign = _TOWARD[direction]
    if field is None:
        step, centre = sign * length / size, (length - 1) / 2
    else:
        extent, centre = field
        step = sign * extent / size / spacing
    return ImageAxis(axis, centre - step * (size - 1) / 2, step)


class SliceGeometry(BaseModel):
    """The map between an input volume's voxels and the network's slices; exact in JSON.

    Attributes
    ----------
    shape : tuple of int
        Shape of the input array.
    affine : 4 x 4 nested tuples
        Input voxel index to RAS mm.
    size : int
        Rows and columns of the network's image.
    field_of_view : {"fixed", "stretch"}
        How the image was laid over the slice (DESIGN, field of view).
    rows, columns : ImageAxis
        Where the image's pixels lie along the canonical in-plane axes.
    header : str or None
        The input's NIfTI header, base64; None where the volume came from no file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shape: tuple[int, int, int]
    affine: tuple[tuple[float, float, float, float], ...]
    size: int
    field_of_view: Literal["fixed", "stretch"]
    rows: ImageAxis
    columns: ImageAxis
    header: str | None = None

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SliceGeometry:
        """Read back what `to_dict` gave.

        Raises
        ------
        GeometryError
            When a field is missing, unknown or of a wrong type, or its value is impossible.
        """
        with reading("A stored slice geometry", GeometryError, "run the analysis again"):
            try:
                found = cls.model_validate(stored)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise GeometryError(
                    f"A stored slice geometry is damaged at '{one_line(where)}' "
                    f"({one_line(first['msg'])}); run the analysis again."
                ) from error
            found._check()
            return found

    def _check(self) -> None:
        """Refuse numbers that no scan can have given."""
        check_physical(np.array(self.affine), self.shape, "The scan of a stored slice geometry")
        axes = (self.rows.axis, self.columns.axis)
        across = [abs(line.step) * self.size for line in (self.rows, self.columns)]
        starts = [abs(line.start) for line in (self.rows, self.columns)]
        if min(self.shape) < 1 or not 1 <= self.size <= _LARGEST_SIZE or sorted(axes) != [0, 1]:
            raise ValueError(f"shape {self.shape}, size {self.size}, axes {axes}")
        if not (min(across) > 0 and max(across) <= _MOST_VOXELS and max(starts) <= _MOST_VOXELS):
            raise ValueError(f"rows {tuple(self.rows)}, columns {tuple(self.columns)}")
        if self.header is not None:
            header_from_bytes(base64.b64decode(self.header, validate=True))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings for JSON; floats survive exactly."""
        return self.model_dump(mode="json")

    @cached_property
    def orientation(self) -> Orientation:
        """Axis permutation and flips from input to canonical voxels."""
        return Orientation.of_affine(np.array(self.affine))

    @cached_property
    def canonical_shape(self) -> tuple[int, int, int]:
        """Voxels toward R, A and S; the last is the number of axial slices."""
        return self.orientation.canonical_shape(self.shape)

    @cached_property
    def canonical_affine(self) -> NDArray[np.float64]:
        """Canonical voxel index to RAS mm, shape (4, 4)."""
        return self.orientation.canonical_affine(np.array(self.affine), self.shape)

    @cached_property
    def network_affine(self) -> NDArray[np.float64]:
        """Network index (slice id, row, column, 1) to RAS mm, shape (4, 4)."""
        to_canonical = np.zeros((4, 4))
        to_canonical[2, 0] = to_canonical[3, 3] = 1.0
        for k, line in enumerate((self.rows, self.columns), start=1):
            to_canonical[line.axis, k] = line.step
            to_canonical[line.axis, 3] = line.start
        return np.asarray(self.canonical_affine @ to_canonical, dtype=np.float64)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one input voxel in millilitres."""
        return float(abs(np.linalg.det(np.array(self.affine)[:3, :3]))) / 1000.0

    @property
    def slice_thickness_mm(self) -> float:
        """Distance between neighbouring axial slices."""
        return float(np.linalg.norm(self.canonical_affine[:3, 2]))

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Size of a network pixel along rows and columns."""
        row, column = np.linalg.norm(self.network_affine[:3, 1:3], axis=0)
        return float(row), float(column)

    def as_volume(self, data: NDArray[Any], modality: str | None = None) -> Volume:
        """Put an array on the input grid, with the input's header for `write_nifti`."""
        header = None if self.header is None else header_from_bytes(base64.b64decode(self.header))
        return Volume(data, np.array(self.affine), modality, None, header)

    def to_network(self, canonical: NDArray[Any]) -> NDArray[np.float32]:
        """Resample canonical axial slices onto the network's grid.

        `fixed`: a triangle filter as wide as a pixel where pixels are larger than voxels, zeros
        beyond the volume. `stretch`: linear interpolation between pixel centres.

        Parameters
        ----------
        canonical : ndarray, shape (x, y, slices)

        Returns
        -------
        ndarray, shape (slices, size, size), float32
        """
        out = np.empty((canonical.shape[2], self.size, self.size), dtype=np.float32)
        for k in range(canonical.shape[2]):
            out[k] = self.plane_to_network(canonical[:, :, k])
        return out

    def plane_to_network(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Resample one slice, shape (x, y), as `to_network` does; shape (size, size)."""
        down, across = self.onto_network
        image = plane if self.rows.axis == 0 else plane.T
        return down @ np.ascontiguousarray(image, dtype=np.float32) @ across.T

    def map_to_native(
        self, maps: NDArray[np.floating[Any]], slice_ids: Sequence[int] | NDArray[np.integer[Any]]
    ) -> NDArray[np.float32]:
        """Bring maps onto the input's voxels by linear interpolation.

        Parameters
        ----------
        maps : ndarray, shape (S, size, size)
        slice_ids : sequence of int, length S
            Canonical axial index of each map; other slices are 0, as is all beyond the field.

        Returns
        -------
        ndarray, shape of the input, float32
        """
        self._check_fit(maps, slice_ids)
        out = np.zeros(self.shape, dtype=np.float32)
        canonical = self.orientation.to_canonical(out)
        for image, k in zip(maps, slice_ids, strict=True):
            canonical[:, :, int(k)] = self.map_plane(image)
        return out

    def mask_to_native(
        self,
        mask: NDArray[np.bool_],
        slice_ids: Sequence[int] | NDArray[np.integer[Any]],
        foreground_native: NDArray[np.bool_],
    ) -> NDArray[np.uint8]:
        """Bring a mask onto the input's voxels: linear, cut at 0.5, kept inside the foreground.

        Parameters
        ----------
        mask : ndarray of bool, shape (S, size, size)
        slice_ids : sequence of int, length S
        foreground_native : ndarray of bool, shape of the input

        Returns
        -------
        ndarray, shape of the input, uint8 of 0 and 1
        """
        self._check_fit(mask, slice_ids)
        out = np.zeros(self.shape, dtype=np.uint8)
        canonical = self.orientation.to_canonical(out)
        for image, k in zip(mask, slice_ids, strict=True):
            canonical[:, :, int(k)] = self.mask_plane(image, int(k), foreground_native)
        return out

    def mask_plane(
        self, mask: NDArray[np.bool_], slice_id: int, foreground_native: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Bring the mask of one slice onto its voxels: a plane of what `mask_to_native` gives.

        Parameters
        ----------
        mask : ndarray of bool, shape (size, size)
        slice_id : int
            Canonical axial index.
        foreground_native : ndarray of bool, shape of the input

        Returns
        -------
        ndarray, shape (x, y) of the canonical voxels, uint8 of 0 and 1
        """
        brain = self.orientation.to_canonical(foreground_native)[:, :, slice_id]
        return np.asarray((self.map_plane(mask) >= _LESION_SHARE) & brain, dtype=np.uint8)

    def _check_fit(
        self, images: NDArray[Any], slice_ids: Sequence[int] | NDArray[np.integer[Any]]
    ) -> None:
        if images.shape != (len(slice_ids), self.size, self.size):
            raise GeometryError(
                f"Maps of shape {images.shape} do not fit {len(slice_ids)} slices of "
                f"{self.size}x{self.size}."
            )

    def map_plane(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Interpolate an image of the network onto canonical voxels, shape (x, y)."""
        down, across = self._onto_voxels
        native = down @ image.astype(np.float32) @ across.T
        return np.asarray(native if self.rows.axis == 0 else native.T, dtype=np.float32)

    @cached_property
    def onto_network(self) -> tuple[Matrix, Matrix]:
        """Weights (size, voxels) that resample a slice onto rows and onto columns."""
        return self._toward_network(self.rows), self._toward_network(self.columns)

    @cached_property
    def _onto_voxels(self) -> tuple[Matrix, Matrix]:
        return self._toward_volume(self.rows), self._toward_volume(self.columns)

    def _toward_network(self, line: ImageAxis) -> Matrix:
        positions = line.start + line.step * np.arange(self.size, dtype=np.float64)
        length = self.canonical_shape[line.axis]
        if self.field_of_view == "stretch":
            return linear_matrix(length, positions, "clamp")
        return antialias_matrix(length, positions, max(1.0, abs(line.step)))

    def _toward_volume(self, line: ImageAxis) -> Matrix:
        voxels = np.arange(self.canonical_shape[line.axis], dtype=np.float64)
        return linear_matrix(self.size, (voxels - line.start) / line.step, "half_pixel")
