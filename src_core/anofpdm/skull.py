"""Does a scan look as if it still had its skull? From its size, its border and its corners."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.foreground import RESIDUE, Canonical
from anofpdm.geometry import SliceGeometry
from anofpdm.volume import Volume

# The largest adult brains have about 1.9 litres and 210 cm2 in an axial slice; heads begin beyond.
_LARGEST_BRAIN_ML = 2200.0
_LARGEST_SLICE_CM2 = 235.0
# Slices with less are near the top or the bottom, where border and middle mingle.
_BORDER_SLICE_CM2 = 60.0
# Bone lies 4 to 8 mm below the skin, brain 12 mm and more; extracted brains show no such dip.
_BONE_MM = (4.0, 8.0)
_DEEP_MM = (12.0, 18.0)
_DIP = 0.5


def skull_warnings(
    volumes: Sequence[Volume],
    values: Sequence[Canonical],
    slices: NDArray[np.float32],
    foreground: NDArray[np.bool_],
    geometry: SliceGeometry,
) -> tuple[str, ...]:
    """Warn of scans that look not brain-extracted.

    Parameters
    ----------
    volumes : sequence of Volume
        The model's inputs, for their names.
    values : sequence of ndarray, shape (x, y, slices)
        Their cleaned intensities along canonical axes.
    slices : ndarray, shape (S, C, size, size)
        The network's slices.
    foreground : ndarray of bool, shape (S, size, size)
        Foreground on the network's grid.
    geometry : SliceGeometry
        For the size of a pixel and of a slice.

    Returns
    -------
    tuple of str
        One sentence a volume that looks so.
    """
    filled = np.stack([ndimage.binary_fill_holes(image) for image in foreground])
    row, column = geometry.pixel_mm
    areas = filled.sum(axis=(1, 2)) * row * column / 100
    litres = float(areas.sum() * geometry.slice_thickness_mm / 1e4)
    found = []
    for channel, (volume, intensities) in enumerate(zip(volumes, values, strict=True)):
        if 1000 * litres > _LARGEST_BRAIN_ML or areas.max() > _LARGEST_SLICE_CM2:
            reason = f"its foreground has {litres:.1f} litres, {areas.max():.0f} cm2 in one slice"
        elif _has_bone(slices[:, channel], filled, areas, (row, column)):
            reason = "a dark rim lies below its border, like bone below skin"
        elif _corners_are_noisy(intensities):
            reason = "its corners are not 0"
        else:
            continue
        found.append(
            f"{volume.name} looks not brain-extracted ({reason}), and the model was trained on "
            "extracted brains; extract the brain first or give a brain mask."
        )
    return tuple(found)


def _has_bone(
    images: NDArray[np.float32],
    filled: NDArray[np.bool_],
    areas: NDArray[np.float64],
    pixel: tuple[float, float],
) -> bool:
    bone, deep = [], []
    for k in np.flatnonzero(areas >= _BORDER_SLICE_CM2):
        depth = ndimage.distance_transform_edt(filled[k], sampling=pixel)
        bone.append(images[k][(depth > _BONE_MM[0]) & (depth <= _BONE_MM[1])])
        deep.append(images[k][(depth > _DEEP_MM[0]) & (depth <= _DEEP_MM[1])])
    if not bone:
        return False
    shallow, inner = (float(np.median(np.concatenate(part))) + 1 for part in (bone, deep))
    return shallow < _DIP * inner


def _corners_are_noisy(values: Canonical) -> bool:
    """Whether most corner voxels are positive and differ: the noise of air, not a background."""
    widths = [max(1, n // 16) for n in values.shape]
    ends = [(slice(0, w), slice(n - w, n)) for n, w in zip(values.shape, widths, strict=True)]
    corners = np.concatenate([values[corner].ravel() for corner in product(*ends)])
    median = float(np.median(corners))
    return median > RESIDUE * float(values.max()) and bool(np.any(corners != median))
