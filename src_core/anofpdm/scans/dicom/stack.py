"""The slices of a series put in order, and their place in space; each fault is one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anofpdm.scans.dicom.frames import Frame

_PARALLEL = 1e-3
"""Directions that differ by less (radians) are one: a pixel in a thousand."""
_SAME_PLACE_MM = 1e-3
_UNEVEN = 0.1
"""A slice lies where it should to this share of the distance between slices."""
_TILT_MM = 0.01
"""Slices are shifted against each other if the last one leaves the normal by more."""
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class UnusableSeriesError(Exception):
    """Why slices are no volume, as the end of a sentence that begins with the series."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in order.

    Attributes
    ----------
    frames : tuple of Frame
        From the first to the last along the slice normal.
    affine : ndarray, shape (4, 4)
        Voxel (column, row, slice, 1) to RAS mm.
    tilt_degrees : float
        Angle between the line of the slices' first voxels and the normal; 0 where they do not
        shift against each other.
    copies : int
        Number of files that were left out, since they hold the same image again.
    """

    frames: tuple[Frame, ...]
    affine: NDArray[np.float64]
    tilt_degrees: float = 0.0
    copies: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        rows, columns = self.frames[0].matrix
        return columns, rows, len(self.frames)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along columns, rows and slices."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)


def stack_of(frames: Sequence[Frame]) -> Stack:
    """Sort slices along their normal and compute where their voxels lie.

    The affine is that of PS3.3 C.7.6.2.1.1, from LPS to RAS, with the mean distance of the slices.

    Parameters
    ----------
    frames : sequence of Frame
        Of one matrix.

    Raises
    ------
    UnusableSeriesError
        When positions are missing, orientations differ, there is one slice only or several
        volumes, or slices are doubled, missing or unevenly spaced.
    """
    unique = tuple({(frame.uid, frame.index): frame for frame in frames}.values())
    copies = len(frames) - len(unique)
    positions, orientation, spacing = _geometry(unique)
    along_row, along_column = orientation[:3], orientation[3:]
    normal = np.cross(along_row, along_column)
    if len(unique) == 1:
        raise UnusableSeriesError("is a single slice, not a volume; choose the whole series.")
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    heights, positions = heights[order], positions[order]
    _refuse_doubled(heights)
    count = len(heights)
    _refuse_uneven(heights)
    affine = np.eye(4)
    affine[:3, 0] = along_row * spacing[1]
    affine[:3, 1] = along_column * spacing[0]
    affine[:3, 2] = (positions[-1] - positions[0]) / (count - 1)
    affine[:3, 3] = positions[0]
    _refuse_shifted(positions, affine[:3, 2])
    step = affine[:3, 2]
    aside = float(np.linalg.norm(step - (step @ normal) * normal))
    tilt = float(np.degrees(np.arctan2(aside, abs(step @ normal))))
    return Stack(
        tuple(unique[k] for k in order),
        _LPS_TO_RAS @ affine,
        tilt if aside * (count - 1) > _TILT_MM else 0.0,
        copies,
    )


def _geometry(
    frames: Sequence[Frame],
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[float, ...]]:
    """Positions (n, 3), the common orientation (6,) and spacing of the slices."""
    if any(f.position is None or f.orientation is None or f.spacing is None for f in frames):
        raise UnusableSeriesError(
            "does not say where its slices lie (position, orientation or pixel spacing is missing);"
            " export the original images from the scanner or the archive."
        )
    positions = np.array([f.position for f in frames], dtype=np.float64)
    orientations = np.array([f.orientation for f in frames], dtype=np.float64)
    spacings = np.array([f.spacing for f in frames], dtype=np.float64)
    whole = np.concatenate([positions, orientations, spacings], axis=1)
    lengths = np.linalg.norm(orientations.reshape(-1, 3), axis=1)
    across = np.abs((orientations[:, :3] * orientations[:, 3:]).sum(axis=1))
    if (
        not np.isfinite(whole).all()
        or (spacings <= 0).any()
        or (np.abs(lengths - 1) > 1e-2).any()
        or (across > 1e-2).any()
    ):
        raise UnusableSeriesError(
            "has an impossible position, orientation or pixel spacing; export it again."
        )
    if (np.abs(orientations - orientations[0]) > _PARALLEL).any():
        kinds = len(np.unique(np.round(orientations, 2), axis=0))
        raise UnusableSeriesError(
            f"has slices of {max(kinds, 2)} orientations, as localizers do; choose a series of "
            "parallel slices."
        )
    if (np.abs(spacings / spacings[0] - 1) > _PARALLEL).any():
        raise UnusableSeriesError("has slices of different pixel sizes; choose another series.")
    row, column = orientations[0, :3], orientations[0, 3:]
    row = row / np.linalg.norm(row)
    column = column - (column @ row) * row
    column /= np.linalg.norm(column)
    return positions, np.concatenate([row, column]), tuple(spacings[0])


def _refuse_doubled(heights: NDArray[np.float64]) -> None:
    first = np.concatenate([[True], np.diff(heights) > _SAME_PLACE_MM])
    times = Counter(np.cumsum(first).tolist())
    most = max(times.values())
    if most == 1:
        return
    if len(times) == 1:
        raise UnusableSeriesError(
            f"is one slice, taken {most} times; choose a series that covers the head."
        )
    if len(set(times.values())) == 1:
        raise UnusableSeriesError(
            f"holds {most} volumes of {len(times)} slices (perfusion, diffusion, a functional or "
            "dynamic series), not one; choose a series with a single volume."
        )
    doubled = sum(n > 1 for n in times.values())
    raise UnusableSeriesError(
        f"has {doubled} of its {len(times)} slice positions more than once, with different images; "
        "export the series again, or remove the images that do not belong to it."
    )


def _refuse_uneven(heights: NDArray[np.float64]) -> None:
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    even = np.linspace(heights[0], heights[-1], len(heights))
    step = (heights[-1] - heights[0]) / (len(heights) - 1)
    if (np.abs(heights - even) <= _UNEVEN * step).all() and (
        np.abs(gaps - step) <= _UNEVEN * step
    ).all():
        return
    times = np.rint(gaps / usual)
    if (np.abs(gaps - times * usual) <= _UNEVEN * usual).all():
        missing = int((times - 1).sum())
        what = "slice is" if missing == 1 else "slices are"
        raise UnusableSeriesError(
            f"has {len(heights)} slices {usual:.4g} mm apart, but {missing} {what} missing between "
            "them; export the series again, complete."
        )
    raise UnusableSeriesError(
        f"has unevenly spaced slices ({gaps.min():.4g} to {gaps.max():.4g} mm apart); resample it "
        "to even slices first, in 3D Slicer for instance."
    )


def _refuse_shifted(positions: NDArray[np.float64], step: NDArray[np.float64]) -> None:
    """Refuse slices that wander within their plane: a steady tilt is one affine, this is none."""
    even = positions[0] + np.arange(len(positions))[:, None] * step
    if (np.linalg.norm(positions - even, axis=1) > _UNEVEN * np.linalg.norm(step)).any():
        raise UnusableSeriesError(
            "has slices that are shifted against each other unevenly; choose another series."
        )
