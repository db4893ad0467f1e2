"""Lesions are counted, measured and found again as a reader would by hand."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import pdist

from anofpdm.common.errors import SettingsError
from anofpdm.results.lesions import find_lesions

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 5, 30], [0, 0, 0, 1]])


def blocks(*boxes: tuple[slice, slice, slice]) -> NDArray[np.uint8]:
    mask = np.zeros((12, 12, 12), dtype=np.uint8)
    for box in boxes:
        mask[box] = 1
    return mask


SMALL = (slice(1, 3), slice(1, 3), slice(1, 3))
LARGE = (slice(6, 10), slice(6, 9), slice(6, 10))


def test_largest_is_number_one() -> None:
    lesions = find_lesions(blocks(SMALL, LARGE), AFFINE)
    assert [(one.number, one.voxels) for one in lesions.table] == [(1, 48), (2, 8)]
    assert (lesions.labels[LARGE] == 1).all()
    assert (lesions.labels[SMALL] == 2).all()
    assert lesions.voxels == (lesions.labels > 0).sum() == 56
    assert lesions.volume_ml == pytest.approx(56 * 0.03)
    assert lesions.table[0].centre_mm == pytest.approx((10 - 15, 20 + 21, 30 + 37.5))


def test_touching_corners_are_one_lesion() -> None:
    mask = np.zeros((3, 3, 3), dtype=bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert len(find_lesions(mask, np.eye(4)).table) == 1


def test_small_lesions_are_left_out_by_volume() -> None:
    mask = blocks(
        (slice(1, 4), slice(1, 4), slice(1, 4)), (slice(8, 11), slice(8, 11), slice(8, 9))
    )
    mask[4, 4, 4] = 1  # joined by a corner: 28 voxels, beside 9
    one_microlitre = np.eye(4)

    def kept(min_ml: float, affine: NDArray[np.float64] = one_microlitre) -> list[int]:
        lesions = find_lesions(mask, affine, min_ml=min_ml)
        assert lesions.voxels == (lesions.labels > 0).sum()
        return [lesion.voxels for lesion in lesions.table]

    assert kept(0.028) == [28]
    assert kept(0.029) == []
    assert kept(0.009) == kept(0.0) == [28, 9]
    assert kept(0.018, np.diag([2.0, 1, 1, 1])) == [28, 9]


@pytest.mark.parametrize("seed", range(3))
def test_labels_and_sizes_agree_with_scipy(seed: int) -> None:
    mask = np.random.default_rng(seed).random((14, 9, 11)) < 0.08
    found, count = ndimage.label(mask, structure=np.ones((3, 3, 3), dtype=bool))
    lesions = find_lesions(mask, AFFINE)
    sizes = np.bincount(found.ravel())[1:]
    assert [one.voxels for one in lesions.table] == sorted(sizes.tolist(), reverse=True)
    order = np.argsort(-sizes, kind="stable")
    for number, was in enumerate(order + 1, start=1):
        np.testing.assert_array_equal(lesions.labels == number, found == was)
    assert len(lesions.table) == count


def test_an_empty_mask_has_none() -> None:
    lesions = find_lesions(np.zeros((3, 4, 5), dtype=np.uint8), np.eye(4))
    assert lesions.table == ()
    assert not lesions.mask_without().any()
    assert lesions.labels.shape == (3, 4, 5)


def test_slices_count_from_the_feet_in_any_orientation() -> None:
    mask = blocks((slice(2, 5), slice(0, 2), slice(0, 2)))
    downward = np.array([[0, 2.0, 0, 0], [0, 0, 2, 0], [-3, 0, 0, 0], [0, 0, 0, 1]])
    upward = np.array([[0, 2.0, 0, 0], [0, 0, 2, 0], [3, 0, 0, 0], [0, 0, 0, 1]])
    (down,), (up,) = find_lesions(mask, downward).table, find_lesions(mask, upward).table
    assert (up.first_slice, up.last_slice) == (2, 4)
    assert (down.first_slice, down.last_slice) == (7, 9)


def test_peak_is_the_lesions_own() -> None:
    mask = blocks(SMALL, LARGE)
    anomaly_map = np.full(mask.shape, 9.0, dtype=np.float32)
    anomaly_map[mask == 1] = 0.5
    anomaly_map[7, 7, 7] = 0.75
    lesions = find_lesions(mask, AFFINE, anomaly_map)
    assert [one.peak for one in lesions.table] == [0.75, 0.5]
    assert find_lesions(mask, AFFINE).table[0].peak is None


def test_a_row_of_voxels_is_as_long_as_its_voxels() -> None:
    assert find_lesions(blocks(np.s_[4:9, 3:4, 3:4]), AFFINE).table[0].diameter_mm == 10.0
    assert find_lesions(blocks(np.s_[4:5, 3:4, 3:4]), AFFINE).table[0].diameter_mm == 5.0


@pytest.mark.parametrize("seed", range(4))
def test_diameter_agrees_with_all_pairs_of_faces(seed: int) -> None:
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = rng.normal(size=(3, 3)) * (1.0, 2.0, 4.0)
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[2:6, 2:6, 2:6] = rng.random((4, 4, 4)) < 0.9
    lesions = find_lesions(mask, affine)
    voxels = np.argwhere(lesions.labels == 1)
    faces = [voxel + 0.5 * sign * axis for voxel, sign, axis in product(voxels, (1, -1), np.eye(3))]
    expected = pdist(np.array(faces) @ affine[:3, :3].T).max()
    assert lesions.table[0].diameter_mm == pytest.approx(expected)


def test_dropped_lesions_leave_the_mask() -> None:
    mask = blocks(SMALL, LARGE)
    lesions = find_lesions(mask, AFFINE)
    np.testing.assert_array_equal(lesions.mask_without(), mask)
    np.testing.assert_array_equal(lesions.mask_without([1]), blocks(SMALL))
    np.testing.assert_array_equal(lesions.mask_without([1, 2, 99]), blocks())


def test_the_lesions_left_are_those_of_the_mask_left() -> None:
    mask = np.random.default_rng(5).random((14, 9, 11)) < 0.08
    anomaly_map = np.random.default_rng(6).random(mask.shape)
    lesions = find_lesions(mask, AFFINE, anomaly_map)
    assert len(lesions.table) > 9
    left = lesions.without({2, 5, 6, 99})
    again = find_lesions(lesions.mask_without({2, 5, 6, 99}), AFFINE, anomaly_map)
    assert left.table == again.table
    np.testing.assert_array_equal(left.labels, again.labels)


def test_a_lesion_is_found_again_under_its_new_number() -> None:
    before = find_lesions(blocks(SMALL, LARGE), AFFINE)
    grown = (slice(0, 5), slice(0, 5), slice(0, 5))
    after = find_lesions(blocks(grown, LARGE), AFFINE)
    assert after.labels[1, 1, 1] == 1
    assert after.predecessors(before) == {1: 2, 2: 1}
    assert after.predecessors(find_lesions(blocks(), AFFINE)) == {}


def test_of_two_that_merge_the_larger_share_decides() -> None:
    before = find_lesions(blocks(SMALL, LARGE), AFFINE)
    merged = find_lesions(blocks((slice(0, 12),) * 3), AFFINE)
    assert merged.predecessors(before) == {1: 1}


def test_the_parts_of_a_lesion_that_splits_follow_it() -> None:
    before = find_lesions(blocks(LARGE), AFFINE)
    mask = blocks(LARGE)
    middle = (LARGE[0].start + LARGE[0].stop) // 2
    mask[middle] = 0
    assert find_lesions(mask, AFFINE).predecessors(before) == {1: 1, 2: 1}


def test_lesions_that_only_touch_are_not_the_same() -> None:
    one, other = (np.zeros((9, 3, 3), dtype=np.uint8) for _ in range(2))
    one[:5] = 1
    other[4:] = 1
    assert find_lesions(other, AFFINE).predecessors(find_lesions(one, AFFINE)) == {}


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4, 1)])
def test_other_than_three_axes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="3-D mask"):
        find_lesions(np.zeros(shape, dtype=bool), np.eye(4))


def test_a_map_of_another_shape_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"map of the same shape"):
        find_lesions(np.zeros((3, 3, 3)), np.eye(4), np.zeros((3, 3, 4)))


def test_a_big_mask_takes_little_more_than_its_results() -> None:
    """Indexing a whole array took eight bytes a voxel, and a large lesion 24 more for its list."""
    big = np.zeros((160, 160, 160), dtype=bool)
    big[4:150, 4:150, 4:150] = True
    anomaly_map = np.ones(big.shape, dtype=np.float32)
    tracemalloc.start()
    lesions = find_lesions(big, np.eye(4), anomaly_map)
    left = lesions.without([1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left.voxels == 0
    assert peak < (4 + 4 + 2) * big.size  # the two arrays of numbers, and two masks
