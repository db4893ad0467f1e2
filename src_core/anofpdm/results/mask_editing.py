"""Corrections of a mask by hand: add, remove, grow, shrink, smooth, interpolate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.common.errors import SettingsError
from anofpdm.scans.distance import spanned_voxels, within_distance

Mask = NDArray[np.bool_]
Affine = NDArray[np.float64]
Voxel = tuple[int, int, int]

_ALL_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


def region_around(
    seed: Voxel,
    affine: Affine,
    radius_mm: float,
    *,
    scan: NDArray[np.floating] | None = None,
    anomaly_map: NDArray[np.floating] | None = None,
    brain: Mask | None = None,
    shape: tuple[int, ...] | None = None,
) -> Mask:
    """Grow the region of a lesion from a voxel.

    The region is the 6-connected part, with the seed in it, of the voxels that lie within the
    radius and inside the brain, and that are nearer to the seed than to its surroundings: in the
    scan and in the map each, on the seed's side of the middle between the median of the 3 x 3 x 3
    voxels at the seed and the median within the radius. A picture that is the same at both says
    nothing and is left out; with neither, the region is a ball.

    Parameters
    ----------
    seed : tuple of int
        Voxel indices i, j, k.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    radius_mm : float
        Greatest distance from the seed.
    scan, anomaly_map : ndarray, shape (i, j, k), optional
        Intensity and map on the same voxels.
    brain : ndarray of bool, shape (i, j, k), optional
    shape : tuple of int, optional
        Of the scan; only needed without any of the arrays.

    Returns
    -------
    ndarray of bool, shape (i, j, k)
        Empty if the seed is outside the brain.

    Raises
    ------
    SettingsError
        If the seed is outside the scan.
    """
    given = next((a for a in (scan, anomaly_map, brain) if a is not None), None)
    size = shape if given is None else given.shape
    if size is None or not all(0 <= at < n for at, n in zip(seed, size, strict=True)):
        raise SettingsError(f"The voxel {seed} is outside the scan.")
    out = np.zeros(size, dtype=bool)
    box, centre = _box_around(seed, size, spanned_voxels(affine, radius_mm))
    point = np.zeros(out[box].shape, dtype=bool)
    point[centre] = True
    allowed = within_distance(point, affine, radius_mm)
    if brain is not None:
        allowed &= brain[box]
    if not allowed[centre]:
        return out
    alike = allowed.copy()
    for picture in (scan, anomaly_map):
        if picture is not None:
            alike &= _like_seed(picture[box], allowed, centre)
    alike[centre] = True
    parts, _ = ndimage.label(alike)
    out[box] = parts == parts[centre]
    return out


def _box_around(
    seed: Voxel, shape: tuple[int, ...], margin: tuple[int, int, int]
) -> tuple[tuple[slice, ...], Voxel]:
    """Return a box around a voxel, and the voxel's place in it."""
    sides = list(zip(seed, shape, margin, strict=True))
    box = tuple(slice(max(0, at - more), min(n, at + more + 1)) for at, n, more in sides)
    i, j, k = (at - side.start for at, side in zip(seed, box, strict=True))
    return box, (i, j, k)


def _like_seed(picture: NDArray[np.floating], allowed: Mask, centre: Voxel) -> Mask:
    near = tuple(slice(max(0, at - 1), at + 2) for at in centre)
    here = float(np.median(picture[near][allowed[near]]))
    around = float(np.median(picture[allowed]))
    if here == around:
        return np.ones(picture.shape, dtype=bool)
    middle = (here + around) / 2
    return np.asarray(picture >= middle if here > around else picture <= middle)


def lesion_at(mask: Mask, seed: Voxel) -> Mask:
    """Return the 26-connected component of a mask that contains a voxel; empty if none does."""
    parts, _ = ndimage.label(mask, structure=_ALL_NEIGHBOURS)
    return np.asarray((parts == parts[seed]) & mask)


def grown(mask: Mask, affine: Affine, by_mm: float) -> Mask:
    """Return a mask with all voxels within a distance of it."""
    return within_distance(mask, affine, by_mm)


def shrunk(mask: Mask, affine: Affine, by_mm: float) -> Mask:
    """Return a mask without the voxels within a distance of its outside.

    The scan's edge is no outside.
    """
    return mask & ~within_distance(~mask, affine, by_mm)


def smoothed(mask: Mask, affine: Affine, sigma_mm: float) -> Mask:
    """Return a mask with smooth borders: a Gaussian average, cut at one half.

    Straight borders stay; corners and parts that are thin against the width go.

    Parameters
    ----------
    mask : ndarray of bool, shape (i, j, k)
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    sigma_mm : float
        Standard deviation of the Gaussian.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    share = ndimage.gaussian_filter(mask.astype(np.float32), sigma_mm / spacing, mode="nearest")
    return np.asarray(share > 0.5)


def interpolated(mask: Mask, affine: Affine, axis: int) -> Mask:
    """Fill the empty slices between painted ones.

    Shape-based interpolation (Raya and Udupa, IEEE Trans. Med. Imaging 9, 1990): the signed
    distance to the outline is interpolated linearly between the next painted slices on either
    side, and cut at 0. Painted slices stay, and so do those before the first and after the last.

    Parameters
    ----------
    mask : ndarray of bool, shape (i, j, k)
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    axis : int
        Voxel axis across the slices.
    """
    slices = np.moveaxis(mask, axis, 0)
    out = slices.copy()
    spacing = np.delete(np.linalg.norm(affine[:3, :3], axis=0), axis)
    painted = np.flatnonzero(slices.any(axis=(1, 2)))
    for below, above in pairwise(painted.tolist()):
        if above - below < 2:
            continue
        low, high = (_signed_distance(slices[at], spacing) for at in (below, above))
        for at in range(below + 1, above):
            part = (at - below) / (above - below)
            out[at] = (1 - part) * low + part * high > 0
    return np.moveaxis(out, 0, axis)


def _signed_distance(plane: Mask, spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance to the outline in mm, positive inside; the outline is between the voxels."""
    inside = ndimage.distance_transform_edt(plane, sampling=spacing)
    if plane.all():
        return np.full(plane.shape, float(np.hypot(*(spacing * plane.shape))))
    outside = ndimage.distance_transform_edt(~plane, sampling=spacing)
    return np.asarray(inside - outside, dtype=np.float64)
