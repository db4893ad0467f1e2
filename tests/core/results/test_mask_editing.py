from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.results.mask_editing import (
    grown,
    interpolated,
    lesion_at,
    region_around,
    shrunk,
    smoothed,
)

SHAPE = (31, 27, 15)
AFFINE = np.array([[-1.0, 0, 0, 15], [0, 1.0, 0, -13], [0, 0, 2.0, -14], [0, 0, 0, 1]])
MIDDLE = (15, 13, 7)


def distance(affine: NDArray[np.float64] = AFFINE) -> NDArray[np.float64]:
    """Distance of each voxel from the middle, in mm."""
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1) - MIDDLE
    return np.asarray(np.linalg.norm(grid @ affine[:3, :3].T, axis=-1))


def sphere(radius_mm: float) -> NDArray[np.bool_]:
    return distance() <= radius_mm


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_region_is_the_bright_or_dark_sphere_around_the_click(sign: float) -> None:
    scan = 100.0 + sign * 50.0 * sphere(5.0)
    np.testing.assert_array_equal(region_around(MIDDLE, AFFINE, 12.0, scan=scan), sphere(5.0))
    np.testing.assert_array_equal(region_around(MIDDLE, AFFINE, 3.0, scan=scan), sphere(3.0))


def test_scan_and_map_must_agree_and_what_is_apart_stays_out() -> None:
    scan, anomaly_map = 1.0 * sphere(6.0), 1.0 * sphere(4.0)
    scan[2:4, 2:4, 7] = anomaly_map[2:4, 2:4, 7] = 1.0
    found = region_around(MIDDLE, AFFINE, 20.0, scan=scan, anomaly_map=anomaly_map)
    np.testing.assert_array_equal(found, sphere(4.0))


def test_without_contrast_the_region_is_a_ball_in_the_brain() -> None:
    ball = region_around(MIDDLE, AFFINE, 4.0, scan=np.ones(SHAPE))
    np.testing.assert_array_equal(ball, sphere(4.0))
    brain = np.ones(SHAPE, dtype=bool)
    brain[:, 14:] = False
    inside = region_around(MIDDLE, AFFINE, 4.0, brain=brain)
    np.testing.assert_array_equal(inside, sphere(4.0) & brain)
    assert not region_around((15, 20, 7), AFFINE, 4.0, brain=brain).any()
    corner = region_around((0, 0, 0), AFFINE, 2.0, shape=SHAPE)
    assert np.argwhere(corner).max(axis=0).tolist() == [2, 2, 1]


def test_a_click_outside_the_scan_is_refused() -> None:
    with pytest.raises(SettingsError, match="outside the scan"):
        region_around((31, 0, 0), AFFINE, 4.0, shape=SHAPE)


def test_the_lesion_at_a_voxel_holds_its_corners() -> None:
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[1, 1, 1] = mask[2, 2, 2] = mask[5, 5, 5] = True
    assert np.argwhere(lesion_at(mask, (1, 1, 1))).tolist() == [[1, 1, 1], [2, 2, 2]]
    assert not lesion_at(mask, (0, 0, 0)).any()


def test_growing_and_shrinking_go_by_millimetres() -> None:
    point = np.zeros(SHAPE, dtype=bool)
    point[MIDDLE] = True
    np.testing.assert_array_equal(grown(point, AFFINE, 4.0), sphere(4.0))
    block = np.zeros(SHAPE, dtype=bool)
    block[5:15, 5:15, 3:10] = True
    less = np.zeros(SHAPE, dtype=bool)
    less[6:14, 6:14, 3:10] = True  # 1 mm is less than a slice
    np.testing.assert_array_equal(shrunk(block, AFFINE, 1.0), less)
    assert shrunk(np.ones(SHAPE, dtype=bool), AFFINE, 3.0).all()


def test_smoothing_removes_specks_and_keeps_a_sphere() -> None:
    rough = sphere(8.0)
    rough[2, 2, 2] = True
    rough[MIDDLE] = False
    smooth = smoothed(rough, AFFINE, 1.5)
    assert not smooth[2, 2, 2]
    assert smooth[MIDDLE]
    assert abs(int(smooth.sum()) - int(sphere(8.0).sum())) < 0.1 * sphere(8.0).sum()
    half = np.zeros(SHAPE, dtype=bool)
    half[:12] = True
    np.testing.assert_array_equal(smoothed(half, AFFINE, 2.0), half)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_between_two_discs_lies_a_cone(axis: int) -> None:
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    y, x = np.ogrid[:41, :41]
    radius = np.hypot(y - 20, x - 20)
    whole = np.stack([radius <= r for r in np.linspace(4, 16, 13)])
    painted = np.zeros_like(whole)
    painted[[0, 12]] = whole[[0, 12]]
    filled = np.moveaxis(interpolated(np.moveaxis(painted, 0, axis), affine, axis), axis, 0)
    np.testing.assert_array_equal(filled[[0, 12]], whole[[0, 12]])
    areas = filled.sum(axis=(1, 2))
    np.testing.assert_allclose(np.sqrt(areas / np.pi), np.linspace(4, 16, 13), atol=0.4)
    assert (np.diff(areas) > 0).all()


def test_interpolation_leaves_the_ends_empty_and_painted_slices_alone() -> None:
    mask = np.zeros((9, 5, 5), dtype=bool)
    mask[2, 1:4, 1:4] = mask[5, 1:4, 1:4] = mask[6, 0, 0] = True
    filled = interpolated(mask, np.eye(4), 0)
    assert np.flatnonzero(filled.any(axis=(1, 2))).tolist() == [2, 3, 4, 5, 6]
    np.testing.assert_array_equal(filled[3], mask[2])
    np.testing.assert_array_equal(filled[6], mask[6])
