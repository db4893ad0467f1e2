from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from anofpdm.method.postprocessing import median_filter, remove_small_components


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_median_of_each_window(kernel: int) -> None:
    image = np.random.default_rng(0).random((9, 11)).astype(np.float32)
    padded = np.pad(image, kernel // 2, mode="edge")
    expected = [
        [np.median(padded[i : i + kernel, j : j + kernel]) for j in range(11)] for i in range(9)
    ]
    filtered = median_filter(image, kernel)
    np.testing.assert_array_equal(filtered, np.array(expected, dtype=np.float32))
    assert filtered.dtype == np.float32


@given(seed=st.integers(0, 1000), density=st.floats(0.05, 0.6), limit=st.integers(0, 60))
def test_components_follow_scikit_images_filled_area(seed: int, density: float, limit: int) -> None:
    mask = np.random.default_rng(seed).random((32, 32)) < density
    expected = np.zeros_like(mask)
    labels = label(mask, connectivity=2)
    for region in regionprops(labels):
        if region.area_filled > limit:
            expected |= labels == region.label
    # 16 times fewer pixels than 128 x 128, so the limit is stated 16 times larger.
    np.testing.assert_array_equal(remove_small_components(mask, limit * 16), expected)


def test_filled_area_at_the_limit_and_diagonal_neighbours() -> None:
    mask = np.zeros((128, 128), dtype=bool)
    mask[10:14, 10:20] = True  # 40 pixels: removed
    mask[30:34, 10:20] = True
    mask[34, 20] = True  # 41 with a corner neighbour: kept
    mask[50:57, 50:57] = True
    mask[51:56, 51:56] = False  # a ring of 24 pixels, 49 when filled: kept, its hole open
    kept = remove_small_components(mask, 40)
    assert not kept[10:14].any()
    assert kept[30:35].sum() == 41
    np.testing.assert_array_equal(kept[50:57], mask[50:57])
    np.testing.assert_array_equal(remove_small_components(mask, 0), mask)
