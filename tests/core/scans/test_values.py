"""Masks of grey values are refused; a few odd values are named; what is right stays right."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.common.errors import VolumeError
from anofpdm.scans.values import check_usable, mask_voxels, value_warnings
from anofpdm.scans.volume import Volume, read_volume
from tests.core.scans.test_checks import AFFINE, SHAPE, a_brain

INSIDE = a_brain() > 0


def a_mask(data: NDArray[Any]) -> Volume:
    return Volume(data, AFFINE, path=Path("mask.nii"))


@pytest.mark.parametrize(
    "data",
    [
        INSIDE,
        INSIDE.astype(np.uint8) * 255,
        INSIDE.astype(np.float64),
        np.where(INSIDE, 1, -1).astype(np.int16),
        np.where(INSIDE, 1.0, np.nan),
        ndimage.gaussian_filter(INSIDE.astype(np.float32), 1.5),
        np.kron(np.arange(1, 46).reshape(5, 3, 3) * 7, np.ones((12, 24, 13))),
        np.zeros(SHAPE),
    ],
    ids=["bool", "255", "float", "-1 outside", "NaN outside", "soft", "parcellation", "empty"],
)
def test_masks_are_masks(data: NDArray[Any]) -> None:
    found = mask_voxels(a_mask(data), "brain mask")
    np.testing.assert_array_equal(found, np.nan_to_num(data.astype(np.float64)) >= 0.5)


@pytest.mark.parametrize(
    "data",
    [a_brain(), a_brain().astype(np.int16), a_brain() / 120, a_brain().astype(np.uint8) + 1],
    ids=["float", "int16", "scaled to 1", "with a background of 1"],
)
def test_grey_values_are_no_mask(data: NDArray[Any]) -> None:
    with pytest.raises(VolumeError, match=r"^mask\.nii holds grey values .* not a brain mask"):
        mask_voxels(a_mask(data), "brain mask")


def test_a_few_wrapped_voxels_are_named_and_not_refused() -> None:
    data = (a_brain() * 100).astype(np.int16)
    data[30, 30, 20:23] = [-32_000, -31_000, -20_000]
    volume = Volume(data, AFFINE, path=Path("scan.nii"))
    check_usable(volume)
    (sentence,) = value_warnings(volume)
    assert "has 3 int16 values far below zero (down to -32000)" in sentence
    assert "(-32000 was 33536); they are treated as background" in sentence


def test_negative_values_that_wrapped_in_uint16_are_named() -> None:
    data = a_brain().astype(np.uint16)
    data[:2, :2, :2] = 65_533
    (sentence,) = value_warnings(Volume(data, AFFINE, path=Path("scan.nii")))
    assert "has 8 values near 65535, and all others are 119 or less" in sentence
    assert value_warnings(Volume((a_brain() * 546).astype(np.uint16), AFFINE)) == ()


def test_real_masks_are_masks_and_real_scans_are_not(real_scans: Path) -> None:
    for name in ("ms/patient19/lesion", "ms/patient07/lesion", "stroke/lesion_on_dwi_grid"):
        assert mask_voxels(read_volume(real_scans / f"{name}.nii.gz"), "lesion mask").any()
    for name in ("ms/patient19/flair", "healthy/t1_colin27_brain", "stroke/flair_5mm_oblique"):
        with pytest.raises(VolumeError, match="grey values"):
            mask_voxels(read_volume(real_scans / f"{name}.nii.gz"), "brain mask")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("slab", [1, 300, 1 << 20])
def test_slabs_of_any_size_judge_alike(
    monkeypatch: pytest.MonkeyPatch, slab: int, order: Literal["C", "F"]
) -> None:
    monkeypatch.setattr("anofpdm.scans.values._SLAB_VOXELS", slab)
    noise = np.random.default_rng(0).normal(300, 50, (9, 12, 7))
    ball = (((np.indices(noise.shape).T - (4, 6, 3)) ** 2).sum(-1).T < 9).astype(np.float32)
    objects = np.kron(np.arange(1, 46).reshape(5, 3, 3) * 7, np.ones((6, 12, 9)))
    for values in (ball, 0.7 * ball + 0.25, objects, np.where(ball > 0, np.nan, 1.0)):
        assert mask_voxels(a_mask(np.asarray(values, order=order)), "mask").shape == values.shape
    for values in (noise, noise.astype(np.int16), np.where(ball > 0, np.inf, noise)):
        with pytest.raises(VolumeError, match="grey values"):
            mask_voxels(a_mask(np.asarray(values, order=order)), "mask")


def test_a_big_soft_mask_needs_no_copy_of_itself() -> None:
    mask = np.zeros((160, 160, 160), dtype=np.float32)
    mask[20:140, 20:140, 20:140] = 1
    mask[19], mask[140] = 0.5, 0.3
    volume = a_mask(mask)
    tracemalloc.start()
    mask_voxels(volume, "brain mask")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < mask.nbytes
