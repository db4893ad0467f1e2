"""`Measurement`: a ruler or a region that a reader draws on a slice of a scan."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from anofpdm.scans.orientation import Orientation

MeasurementKind = Literal["ruler", "ellipse", "rectangle"]
Plane = Literal["axial", "coronal", "sagittal"]
Point = tuple[float, float, float]
ACROSS: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
"""The canonical axis across the slices of a plane."""


class Measurement(BaseModel):
    """A distance, or an ellipse or rectangle whose sides run along the axes of the voxels.

    Attributes
    ----------
    kind : {"ruler", "ellipse", "rectangle"}
    plane : {"axial", "coronal", "sagittal"}
        The plane of the scan's own voxels that it was drawn on.
    first, second : tuple of float
        RAS in mm, by the scan's true affine: the ends of the ruler, or two opposite corners of the
        rectangle or of the box around the ellipse.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: MeasurementKind
    plane: Plane
    first: Point
    second: Point

    @property
    def length_mm(self) -> float:
        """Distance of the two points in mm; for a region, the diagonal of its box."""
        return math.dist(self.first, self.second)


def voxel_points(
    measurement: Measurement, affine: NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both points in canonical voxels, each of shape (3,), of a grid.

    Parameters
    ----------
    measurement : Measurement
    affine : ndarray, shape (4, 4)
        Voxel index of the grid to RAS mm.
    shape : tuple of int
        Of the grid.
    """
    canonical = Orientation.of_affine(affine).canonical_affine(affine, shape)
    points = np.array([measurement.first, measurement.second]).T
    voxels = np.linalg.solve(canonical, np.vstack([points, np.ones(2)]))[:3].T
    return voxels[0], voxels[1]


def area_mm2(
    measurement: Measurement, affine: NDArray[np.float64], shape: tuple[int, int, int]
) -> float:
    """Return the area of an ellipse or rectangle as it was drawn, in mm²; 0 for a ruler.

    Parameters
    ----------
    measurement, affine, shape
        As of `voxel_points`; the grid is the scan's.
    """
    if measurement.kind == "ruler":
        return 0.0
    canonical = Orientation.of_affine(affine).canonical_affine(affine, shape)
    first, second = voxel_points(measurement, affine, shape)
    sides = np.abs(second - first) * np.linalg.norm(canonical[:3, :3], axis=0)
    across, down = np.delete(sides, ACROSS[measurement.plane])
    return float(across * down * (math.pi / 4 if measurement.kind == "ellipse" else 1.0))
