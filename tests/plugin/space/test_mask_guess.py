from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anofpdm import make_phantom, read_volume
from napari_anofpdm.space.mask_guess import as_labels, looks_like_mask


def _blocks(dtype: str = "uint8") -> np.ndarray:
    data = np.zeros((12, 12, 12), dtype=dtype)
    data[2:6, 2:6, 2:6] = 1
    data[7:10, 7:10, 7:10] = 4
    return data


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_a_few_whole_numbers_are_a_mask(dtype: str) -> None:
    assert looks_like_mask(_blocks(dtype))


def test_a_parcellation_of_many_labels_is_a_mask() -> None:
    labels = np.arange(4 * 4 * 4).reshape(4, 4, 4) * 30
    assert looks_like_mask(np.kron(labels, np.ones((6, 6, 6), dtype=np.int32)))


def test_an_empty_mask_is_a_mask() -> None:
    assert looks_like_mask(np.zeros((4, 4, 4), dtype=np.int16))


def test_an_eight_bit_scan_is_none() -> None:
    scan = make_phantom(700_003, spacing=(3.0, 3.0, 6.0)).volumes["flair"].data
    assert not looks_like_mask(np.rint(scan / scan.max() * 255).astype(np.uint8))


@pytest.mark.parametrize("other", [-1.0, np.nan])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_and_minus_one_are_background(other: float, dtype: str) -> None:
    data = _blocks(dtype)
    data[data == 0] = other
    assert looks_like_mask(data)
    assert np.array_equal(as_labels(data), _blocks())


def test_minus_one_is_background_among_integers() -> None:
    data = _blocks("int16")
    data[:2] = -1
    assert looks_like_mask(data)
    assert np.array_equal(as_labels(data), _blocks())


@pytest.mark.parametrize("dtype", ["int32", "uint32", "float64"])
def test_labels_above_65535_are_kept(dtype: str) -> None:
    data = _blocks(dtype)
    data[data == 1] = 614_454_277
    data[data == 4] = 70_000
    assert looks_like_mask(data)
    assert np.array_equal(as_labels(data), data)


def test_a_parcellation_of_many_large_labels_is_a_mask() -> None:
    labels = np.arange(4 * 4 * 4).reshape(4, 4, 4) * 1_000_000
    assert looks_like_mask(np.kron(labels, np.ones((6, 6, 6), dtype=np.int32)))


def test_a_scan_of_large_whole_numbers_is_none() -> None:
    scan = make_phantom(700_003, spacing=(3.0, 3.0, 6.0)).volumes["flair"].data
    assert not looks_like_mask(np.rint(scan / scan.max() * 1_000_000).astype(np.int32))


@pytest.mark.parametrize("other", [0.5, -2.0, -1024.0, np.inf, 3e9])
def test_a_fraction_a_negative_or_a_huge_value_makes_none(other: float) -> None:
    data = _blocks("float32")
    data[0, 0, 0] = other
    assert not looks_like_mask(data)


def test_labels_are_integers_that_can_be_painted_on() -> None:
    assert as_labels(_blocks("float32")).dtype == np.uint8
    assert as_labels(_blocks("float32") * 1000).dtype == np.uint16
    locked = _blocks("int16")
    locked.flags.writeable = False
    assert as_labels(locked).flags.writeable
    assert as_labels(locked).dtype == np.int16


def test_real_scans_and_masks_are_told_apart(real_scans: Path) -> None:
    masks = ["ms/patient19/lesion", "stroke/lesion_on_dwi_grid"]
    scans = ["healthy/t1_colin27_brain", "odd/flair_oblique_19deg", "ms_raw/t1_other_grid_skull"]
    told = {
        name: looks_like_mask(read_volume(real_scans / f"{name}.nii.gz").data)
        for name in masks + scans
    }
    assert told == {name: name in masks for name in masks + scans}
