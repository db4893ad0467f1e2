from __future__ import annotations

import numpy as np

from napari_anofpdm.alignment.checkerboard import checkerboard


def test_tiles_take_turns_along_each_axis() -> None:
    shape = (8, 6, 4)
    made = checkerboard(np.zeros(shape), np.ones(shape), (2.0, 3.0, 5.0), 6.0)
    # Tiles of 6 mm are 3, 2 and 1.2 voxels wide.
    np.testing.assert_array_equal(made[:, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(made[0, :, 0], [0, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(made[0, 0, :], [0, 0, 1, 0])
    assert made[3, 2, 0] == 0 and made[3, 2, 2] == 1
