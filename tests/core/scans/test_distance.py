"""Voxels within a distance of a mask, against every pair of voxels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.scans.distance import within_distance

STRAIGHT = np.diag([0.9, 1.3, 4.0, 1.0])
SHEARED = np.array(
    [[0.9, 0.1, 0.0, 5.0], [0.0, 1.1, 0.4, 0.0], [0.05, 0.0, -3.1, 0.0], [0.0, 0.0, 0.0, 1.0]]
)


@pytest.mark.parametrize("affine", [STRAIGHT, SHEARED], ids=["straight", "sheared"])
@pytest.mark.parametrize("reach_mm", [0.0, 0.9, 3.0, 7.0, 60.0])
def test_as_every_pair_of_voxels_says(affine: NDArray[np.float64], reach_mm: float) -> None:
    mask = np.random.default_rng(1).random((14, 11, 5)) < 0.004
    assert mask.any()
    axes = (affine[:3, :3] @ np.indices(mask.shape).reshape(3, -1)).T
    distances = np.linalg.norm(axes[:, None] - axes[mask.ravel()], axis=-1).min(axis=1)
    expected = (distances <= reach_mm + 1e-9).reshape(mask.shape)
    np.testing.assert_array_equal(within_distance(mask, affine, reach_mm), expected)


def test_an_empty_mask_has_no_neighbourhood() -> None:
    assert not within_distance(np.zeros((3, 4, 5), dtype=bool), STRAIGHT, 9.0).any()
