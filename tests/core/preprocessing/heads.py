"""Heads for tests: the ICBM152 brain inside a dark skull and a bright scalp."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.scans.volume import Volume


@functools.cache
def _template() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=3)
    return np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine)


def brain() -> tuple[Volume, NDArray[np.bool_]]:
    """Return the template's brain, 3 mm, and where it is."""
    return _copy(*_brain())


def head() -> tuple[Volume, NDArray[np.bool_]]:
    """Return a head of 3 mm voxels, and where its brain is."""
    return _copy(*_head())


def _copy(volume: Volume, inside: NDArray[np.bool_]) -> tuple[Volume, NDArray[np.bool_]]:
    return replace(volume, data=volume.data.copy(), affine=volume.affine.copy()), inside.copy()


@functools.cache
def _brain() -> tuple[Volume, NDArray[np.bool_]]:
    data, affine = _template()
    inside = ndimage.binary_fill_holes(data > 0.1 * data.max())
    padded = np.pad(np.where(inside, 100 * data / data.max(), 0), 8)
    moved = affine.copy()
    moved[:3, 3] -= 8 * np.diag(affine)[:3]
    volume = Volume(padded.astype(np.float32), moved, "t1")
    return volume, np.pad(inside, 8)


@functools.cache
def _head() -> tuple[Volume, NDArray[np.bool_]]:
    volume, inside = _brain()
    away = ndimage.distance_transform_edt(~inside, sampling=volume.spacing)
    noise = np.random.default_rng(0).rayleigh(1.0, inside.shape)
    scalp = (away > 6) & (away < 15)
    data = np.where(inside, volume.data, 0) + 80 * scalp + noise
    return Volume(data.astype(np.float32), volume.affine, "t1"), inside
