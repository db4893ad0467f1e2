from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm import Volume
from anofpdm.scans.geometry import SliceGeometry
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from napari_anofpdm.space.placement import RAS_TO_WORLD, PlacedArray, place, place_network

SPACING = (0.9, 1.1, 6.0)  # 24 mm: a head is at least 20 mm long
ORIGIN = (-31.0, 12.5, 7.0)
MARK = (1, 5, 3)


def _axis_aligned(order: tuple[int, ...], signs: tuple[int, ...]) -> NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis in range(3):
        affine[order[axis], axis] = signs[axis] * SPACING[axis]
    affine[:3, 3] = ORIGIN
    return affine


def _marked(affine: NDArray[np.float64]) -> Volume:
    data = np.zeros((5, 7, 4), dtype=np.uint8)
    data[MARK] = 1
    return Volume(data=data, affine=affine)


def _world(placed: PlacedArray, index: NDArray[Any]) -> NDArray[np.float64]:
    return np.add(placed.scale * index, placed.translate, dtype=np.float64)


@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_mark_stands_at_its_world_position(
    order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    affine = _axis_aligned(order, signs)
    placed = place(_marked(affine))
    (index,) = np.argwhere(placed.data)
    expected = RAS_TO_WORLD @ (affine @ [*MARK, 1.0])[:3]
    np.testing.assert_allclose(_world(placed, index), expected, atol=1e-12)
    assert np.sign(placed.scale).tolist() == [1, -1, -1]


def test_an_oblique_volume_keeps_its_spacing_and_centre() -> None:
    angle = np.deg2rad(19)
    rotation = np.eye(4)
    rotation[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = rotation @ _axis_aligned((0, 1, 2), (-1, 1, 1))
    placed = place(_marked(affine))
    np.testing.assert_allclose(placed.scale, (6.0, -1.1, -0.9))
    centre = (np.array(placed.data.shape) - 1) / 2
    expected = RAS_TO_WORLD @ (affine @ [*centre[::-1], 1.0])[:3]
    np.testing.assert_allclose(_world(placed, centre), expected)


def test_the_world_is_left_posterior_superior() -> None:
    np.testing.assert_array_equal(RAS_TO_WORLD @ [1.0, 20.0, 300.0], [300.0, -20.0, -1.0])


def _geometry(
    affine: NDArray[np.float64], rows: str = "P", columns: str = "L", view: str = "fixed"
) -> SliceGeometry:
    extent = {"extent_mm": 24.0} if view == "fixed" else {}
    config = PreprocessingConfig.model_validate(
        {"size": 16, "rows": rows, "columns": columns, "field_of_view": view, **extent}
    )
    values = 1 + np.arange(5 * 7 * 4, dtype=np.float32).reshape(5, 7, 4)
    volume = Volume(data=values, affine=affine)
    return preprocess({"f": volume}, ["f"], config).geometry


@pytest.mark.parametrize("view", ["fixed", "stretch"])
@pytest.mark.parametrize(("rows", "columns"), [("P", "L"), ("A", "R"), ("R", "A"), ("L", "P")])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_pixel_of_the_network_stands_at_its_world_position(
    order: tuple[int, ...], rows: str, columns: str, view: str
) -> None:
    geometry = _geometry(_axis_aligned(order, (-1, 1, 1)), rows, columns, view)
    grid = place_network(geometry)
    image = np.zeros((geometry.canonical_shape[2], 16, 16), dtype=bool)
    image[2, 8, 7] = True
    (index,) = np.argwhere(grid.along_world(image))
    expected = RAS_TO_WORLD @ (geometry.network_affine @ [2.0, 8.0, 7.0, 1.0])[:3]
    np.testing.assert_allclose(np.multiply(grid.scale, index) + grid.translate, expected)
    assert grid.along_world(image).shape == grid.shape


@pytest.mark.parametrize("view", ["fixed", "stretch"])
@pytest.mark.parametrize(("rows", "columns"), [("P", "L"), ("R", "A")])
def test_the_networks_margin_stays_away(rows: str, columns: str, view: str) -> None:
    affine = _axis_aligned((0, 1, 2), (-1, 1, 1))
    geometry = _geometry(affine, rows, columns, view)
    grid, placed = place_network(geometry), place(_marked(affine))
    sizes, steps = np.array(grid.shape), np.array(grid.scale)
    shown = np.sort([grid.translate, grid.translate + steps * (sizes - 1)], axis=0)
    far = np.array(placed.data.shape) - 1
    scan = np.sort([placed.translate, placed.translate + np.array(placed.scale) * far], axis=0)
    assert (shown[0] >= scan[0] - 1e-9).all() and (shown[1] <= scan[1] + 1e-9).all()
    # No pixel more would fit in.
    assert (shown[0] - np.abs(steps) < scan[0]).all()
    assert (shown[1] + np.abs(steps) > scan[1]).all()


def test_the_network_lies_on_an_oblique_scan_as_it_is_drawn() -> None:
    angle = np.deg2rad(19)
    rotation = np.eye(4)
    rotation[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = rotation @ _axis_aligned((0, 1, 2), (-1, 1, 1))
    geometry = _geometry(affine)
    grid = place_network(geometry)
    placed = place(_marked(affine))
    # The canonical voxel that the pixel lies on is drawn where the scan's voxel is drawn.
    voxel = [
        2.0,
        geometry.rows.start + 8 * geometry.rows.step,
        geometry.columns.start + 7 * geometry.columns.step,
    ]
    shown = np.array([2.0, 8.0 - grid.part[0].start, 7.0 - grid.part[1].start])
    drawn = np.multiply(grid.scale, shown) + grid.translate
    np.testing.assert_allclose(drawn, _world(placed, np.array(voxel)))
