from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm import Volume
from napari_anofpdm.placement import RAS_TO_WORLD, PlacedArray, place

SPACING = (0.9, 1.1, 4.0)
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
    np.testing.assert_allclose(placed.scale, (4.0, -1.1, -0.9))
    centre = (np.array(placed.data.shape) - 1) / 2
    expected = RAS_TO_WORLD @ (affine @ [*centre[::-1], 1.0])[:3]
    np.testing.assert_allclose(_world(placed, centre), expected)


def test_the_world_is_left_posterior_superior() -> None:
    np.testing.assert_array_equal(RAS_TO_WORLD @ [1.0, 20.0, 300.0], [300.0, -20.0, -1.0])
