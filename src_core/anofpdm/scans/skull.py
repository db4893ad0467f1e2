"""Does a scan look as if it still had its skull? From its size, its border and its corners."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.scans.foreground import RESIDUE, CleanVoxels, foreground_of
from anofpdm.scans.geometry import SliceGeometry
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.volume import Volume

# Large adult brains, extracted with a generous rim, reach 2.4 litres and 250 cm2 in an axial
# slice (the synthetic subjects do); adult heads begin near 3 litres and 270 cm2.
_LARGEST_BRAIN_ML = 2600.0
_LARGEST_SLICE_CM2 = 260.0
# A brain tapers off toward both ends; a neck is cut by the field of view or by defacing. A scan
# that covers less than this may well cut through the brain itself.
_LARGEST_CUT_CM2 = 60.0
_LEAST_COVERAGE_MM = 100.0


_SIGN = "does not look brain-extracted"


def tells_of_skull(warnings: Iterable[str]) -> bool:
    """Return whether a sentence of `skull_warnings` is among warnings, as those of an analysis."""
    return any(_SIGN in warning for warning in warnings)


def skull_warnings(
    volumes: Sequence[Volume],
    values: Sequence[CleanVoxels],
    foreground: NDArray[np.bool_],
    geometry: SliceGeometry,
) -> tuple[str, ...]:
    """Warn of scans that look not brain-extracted.

    Three signs: a foreground larger than any brain, one that ends abruptly from one axial slice
    to the next, and corners that hold the noise of air.

    Parameters
    ----------
    volumes : sequence of Volume
        The model's inputs, for their names.
    values : sequence of CleanVoxels, shape (x, y, slices)
        Their intensities along canonical axes.
    foreground : ndarray of bool, shape (slices, size, size)
        Foreground of all axial slices on the network's grid.
    geometry : SliceGeometry
        For the size of a pixel and of a slice.

    Returns
    -------
    tuple of str
        One sentence a volume that looks so.
    """
    shared = _shaped_like_a_head(foreground, geometry.pixel_mm, geometry.slice_thickness_mm)
    found = []
    for volume, intensities in zip(volumes, values, strict=True):
        reason = shared or (_NOISY_CORNERS if _corners_are_noisy(intensities) else None)
        if reason is not None:
            found.append(
                f"{volume.name} {_SIGN} ({reason}), but the model was "
                "trained on extracted brains; extract the brain first, or add a brain mask."
            )
    return tuple(found)


def sign_of_skull(volume: Volume) -> str | None:
    """Return what makes a scan look as if it still had its skull, or None; no model is needed.

    The signs are those of `skull_warnings`, read off the scan's own voxels.
    """
    orientation = Orientation.of_affine(volume.affine)
    values = CleanVoxels(orientation.to_canonical(volume.data))
    x, y, z = (volume.spacing[axis] for axis in orientation.axes)
    shape = _shaped_like_a_head(np.moveaxis(foreground_of(values), 2, 0), (x, y), z)
    return shape or (_NOISY_CORNERS if _corners_are_noisy(values) else None)


_NOISY_CORNERS = "its corners are not 0"


def _shaped_like_a_head(
    foreground: NDArray[np.bool_], pixel_mm: tuple[float, float], thickness_mm: float
) -> str | None:
    row, column = pixel_mm
    filled = np.array([np.count_nonzero(ndimage.binary_fill_holes(f)) for f in foreground])
    areas = filled * row * column / 100
    litres = float(areas.sum() * thickness_mm / 1e4)
    if 1000 * litres > _LARGEST_BRAIN_ML or areas.max() > _LARGEST_SLICE_CM2:
        return f"its foreground is {litres:.1f} litres, {areas.max():.0f} cm2 in one slice"
    covered = np.count_nonzero(areas) * thickness_mm
    cut = float(np.abs(np.diff(areas, prepend=0, append=0)).max())
    if cut > _LARGEST_CUT_CM2 and covered >= _LEAST_COVERAGE_MM:
        return f"its foreground ends at a face of {cut:.0f} cm2, like a neck"
    return None


def _corners_are_noisy(values: CleanVoxels) -> bool:
    """Whether most corner voxels are positive and differ: the noise of air, not a background."""
    widths = [max(1, n // 16) for n in values.shape]
    ends = [(slice(0, w), slice(n - w, n)) for n, w in zip(values.shape, widths, strict=True)]
    corners = np.concatenate([values[corner].ravel() for corner in product(*ends)])
    median = float(np.median(corners))
    return median > RESIDUE * values.max() and bool(np.any(corners != median))
