"""Scores of a batch of maps by PyTorch's operations, against those of each map by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

import anofpdm.method.map_scores as batched
from anofpdm.method.map_score import map_score
from anofpdm.method.map_scores import map_scores

Map = NDArray[np.float32]


def one_by_one(maps: Map, **options: Any) -> list[float]:
    return [map_score(each, **options) for each in maps]


@pytest.fixture
def left_over(monkeypatch: pytest.MonkeyPatch) -> list[Map]:
    """Maps that are scored by themselves after all."""
    seen: list[Map] = []

    def score(anomaly_map: Map, **options: Any) -> float:
        seen.append(anomaly_map)
        return map_score(anomaly_map, **options)

    monkeypatch.setattr(batched, "map_score", score)
    return seen


@pytest.mark.parametrize("size", [12, 29])
@pytest.mark.parametrize("median", [1, 5])
@pytest.mark.parametrize("pixels", [0, 300, 2000])
@pytest.mark.parametrize("extent", [1.0, 0.37])
def test_the_scores_are_those_of_each_map(
    size: int, median: int, pixels: int, extent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched, "_MAPS_AT_ONCE", 5)
    rng = np.random.default_rng(size)
    noise = rng.standard_normal((7, size, size))
    smooth = ndimage.gaussian_filter(noise, (0, 1.2, 1.2))
    maps = np.abs(np.concatenate([noise, smooth])).astype(np.float32)
    maps[1] = maps[1].round(1)  # many equal values
    maps[2] = 0
    maps[3][rng.random((size, size)) < 0.6] = 0
    options: dict[str, Any] = {
        "extent": extent,
        "median_kernel": median,
        "min_component_pixels": pixels,
    }
    found = map_scores(torch.from_numpy(maps), **options)
    np.testing.assert_array_equal(found, one_by_one(maps, **options))


def ring(*, gap: tuple[int, int] | None = None) -> Map:
    """A ring of 16 pixels around 9 on 16 x 16 pixels, with or without a gap."""
    drawn = np.zeros((16, 16), dtype=np.float32)
    drawn[4:9, 4:9] = 2
    drawn[5:8, 5:8] = 0
    drawn[0, 0] = 1
    if gap is not None:
        drawn[gap] = 0
    return drawn


def test_holes_count_where_a_component_is_too_small_without_them(left_over: list[Map]) -> None:
    maps = np.stack([ring(), ring(gap=(4, 4)), ring(gap=(4, 6))])
    # 64 pixels at 128 x 128 are one here.
    options = {"median_kernel": 1, "min_component_pixels": 64 * 20}
    found = map_scores(torch.from_numpy(maps), **options)
    # The way out through a missing corner is diagonal, which suffices.
    assert found.tolist() == one_by_one(maps, **options) == [2.0, 0.0, 0.0]
    assert len(left_over) == 1


def test_holes_in_large_or_tiny_components_leave_nothing_over(left_over: list[Map]) -> None:
    maps = torch.from_numpy(ring()[None])
    assert map_scores(maps, median_kernel=1, min_component_pixels=64 * 15).tolist() == [2.0]
    assert map_scores(maps, median_kernel=1, min_component_pixels=64 * 100).tolist() == [0.0]
    assert not left_over


def test_a_long_and_narrow_component_is_one() -> None:
    snake = np.zeros((31, 31), dtype=np.float32)
    snake[::2] = 1
    snake[1::4, -1] = snake[3::4, 0] = 1
    count = int(snake.sum())
    for pixels, score in ((count - 1, 1.0), (31 * 31, 0.0)):
        scaled = int(pixels * 128 * 128 / snake.size)
        options = {"median_kernel": 1, "min_component_pixels": scaled}
        assert map_scores(torch.from_numpy(snake[None]), **options).tolist() == [score]
        assert one_by_one(snake[None], **options) == [score]
