"""Masks on the same voxels in another orientation are turned; on other voxels they are refused."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.volume import Volume

SHAPE = (12, 15, 9)


def oblique(degrees: float) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([2.0, 1.5, 4.0])
    affine[:3, 3] = [-10.3, 20.1, 7.7]
    return affine


def turned(volume: Volume, orientation: Orientation) -> Volume:
    return Volume(
        orientation.to_canonical(volume.data),
        orientation.canonical_affine(volume.affine, volume.shape),
    )


ALL_TURNS = [
    Orientation(axes, flips)  # type: ignore[arg-type]
    for axes in permutations(range(3))
    for flips in product((False, True), repeat=3)
]


@pytest.mark.parametrize("degrees", [0, 19, 45, 50])
def test_every_permutation_and_flip_is_undone(degrees: float) -> None:
    grid = Volume(np.random.default_rng(0).integers(0, 9, SHAPE), oblique(degrees))
    for orientation in ALL_TURNS:
        found = on_grid_of(grid, turned(grid, orientation))
        np.testing.assert_array_equal(found.data, grid.data)
        np.testing.assert_allclose(found.affine, grid.affine)


def test_what_needs_no_turning_stays_itself() -> None:
    grid = Volume(np.zeros(SHAPE), oblique(19))
    mask = Volume(np.ones(SHAPE), oblique(19))
    assert on_grid_of(grid, mask) is mask


@pytest.mark.parametrize("orientation", ALL_TURNS[::5])
def test_a_grid_beside_it_is_refused_with_its_distance(orientation: Orientation) -> None:
    grid = Volume(np.zeros(SHAPE), oblique(19), "flair")
    away = grid.affine.copy()
    away[:3, 3] += [0, 3, 4]
    with pytest.raises(GeometryError, match=r"same voxel up to 5 mm apart; .*resample one onto"):
        on_grid_of(grid, turned(Volume(grid.data, away), orientation))
    away[:3, 3] = grid.affine[:3, 3] + [0.1, 0, 0]
    on_grid_of(grid, turned(Volume(grid.data, away), orientation))


def test_another_number_of_voxels_is_refused_with_its_distance() -> None:
    grid = Volume(np.zeros(SHAPE), oblique(0), "flair")
    with pytest.raises(GeometryError, match=r"\(12, 15, 9\) and \(11, 15, 9\), corners up to 2 mm"):
        on_grid_of(grid, Volume(np.zeros((11, 15, 9)), oblique(0)))


@pytest.mark.parametrize("orientation", ALL_TURNS[1::7])
def test_a_brain_mask_and_a_second_contrast_may_lie_along_other_axes(
    orientation: Orientation,
) -> None:
    rng = np.random.default_rng(1)
    shape, affine = (24, 28, 10), np.diag([6.0, 6.0, 8.0, 1.0])
    brain = np.zeros(shape, dtype=np.uint8)
    brain[5:18, 6:21, 2:8] = 1
    scans = {m: Volume(rng.uniform(50, 100, shape), affine, m) for m in ("flair", "t1")}
    mask = Volume(brain, affine)
    config = PreprocessingConfig(size=16, extent_mm=208.0)
    straight = preprocess(scans, ("flair", "t1"), config, mask)
    both = {"flair": scans["flair"], "t1": turned(scans["t1"], orientation)}
    found = preprocess(both, ("flair", "t1"), config, turned(mask, orientation))
    np.testing.assert_array_equal(found.slices, straight.slices)
    np.testing.assert_array_equal(found.foreground_native, straight.foreground_native)
