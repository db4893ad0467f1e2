"""Axes and flips between a file's voxels and canonical ones."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from anofpdm.scans.orientation import Orientation

ALL = [
    Orientation(axes, flips)  # type: ignore[arg-type]
    for axes in permutations(range(3))
    for flips in product([False, True], repeat=3)
]


@pytest.mark.parametrize("orientation", ALL, ids=str)
def test_a_box_holds_the_same_voxels_along_canonical_axes(orientation: Orientation) -> None:
    data = np.arange(4 * 5 * 7).reshape(4, 5, 7)
    box = (slice(1, 4), slice(0, 3), slice(2, 5))
    there = orientation.canonical_box((4, 5, 7), box)
    np.testing.assert_array_equal(
        orientation.to_canonical(data)[there], orientation.to_canonical(data[box])
    )
