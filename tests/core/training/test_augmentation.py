from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from anofpdm.training.data.augmentation import augment
from anofpdm.training.data.augmentation_config import Augmentation
from anofpdm.training.data.draws import SharedDraws

INTENSITY = [{"gamma": 0.4}, {"gain": 0.3}, {"bias": 0.3}]
GEOMETRY = [{"rotation": 20}, {"scale": 0.2}, {"shift": 0.1}, {"flip": True}]


def run(images: Tensor, seed: int = 0, flip_axis: int = -1, **settings: Any) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    draws = SharedDraws(torch.arange(len(images)), generator)
    return augment(images, Augmentation(**settings), draws, flip_axis)[0]


def brains(count: int = 8, channels: int = 2, size: int = 32) -> Tensor:
    grid = torch.linspace(-1, 1, size)
    disc = (grid[:, None] / 0.7) ** 2 + (grid / 0.5) ** 2 < 1
    texture = torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(5))
    return torch.where(disc, 0.2 + 0.6 * texture, 0.0) * 2 - 1


def test_all_off_changes_nothing() -> None:
    assert torch.equal(run(brains()), brains())


@pytest.mark.parametrize("settings", INTENSITY + GEOMETRY)
def test_each_changes_the_batch_within_range_and_by_seed(settings: dict[str, Any]) -> None:
    images = brains()
    first, again, other = run(images, 1, **settings), run(images, 1, **settings), run(
        images, 2, **settings
    )  # fmt: skip
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, images)
    assert first.min() >= -1 and first.max() <= 1
    assert torch.equal(images, brains())


@pytest.mark.parametrize("settings", INTENSITY)
def test_background_stays_background(settings: dict[str, Any]) -> None:
    images = brains()
    changed = run(images, **settings)
    assert torch.equal(changed == -1, images == -1)


@pytest.mark.parametrize("settings", INTENSITY)
def test_intensity_differs_from_image_to_image_and_channel_to_channel(
    settings: dict[str, Any],
) -> None:
    images = brains()[:1, :1].expand(3, 2, -1, -1)
    changed = run(images, **settings).flatten(0, 1)
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 6


def test_gamma_keeps_the_order_of_intensities() -> None:
    images = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)
    changed = run(images, gamma=0.5).flatten()
    assert (changed.diff() > 0).all()
    assert changed[0] == -1 and changed[-1] == 1


def test_bias_field_is_smooth_and_bounded() -> None:
    images = torch.zeros(4, 1, 64, 64)
    field = (run(images, bias=0.3) + 1).log()
    assert field.abs().max() <= 0.3 + 1e-5
    assert field.diff(dim=-1).abs().max() < 0.05


def test_flip_mirrors_the_axis_given_in_about_half() -> None:
    images = torch.rand(200, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for axis in (-1, -2):
        changed = run(images, flip_axis=axis, flip=True)
        same = torch.isclose(changed, images, atol=1e-6).flatten(1).all(1)
        mirrored = torch.isclose(changed, images.flip(axis), atol=1e-6).flatten(1).all(1)
        assert (same ^ mirrored).all()
        assert 70 < int(mirrored.sum()) < 130


def centroid(image: Tensor) -> Tensor:
    values = image + 1
    rows, columns = (torch.arange(n, dtype=torch.float32) for n in values.shape)
    return torch.stack([(values.sum(1) * rows).sum(), (values.sum(0) * columns).sum()]) / (
        values.sum()
    )


def test_shift_moves_by_at_most_the_fraction_and_fills_with_background() -> None:
    images = torch.full((20, 1, 40, 60), -1.0)
    images[:, :, 16:24, 26:34] = 1
    changed = run(images, shift=0.1)
    moves = torch.stack([centroid(c[0]) - centroid(i[0]) for c, i in zip(changed, images)])  # noqa: B905
    assert (moves[:, 0].abs() <= 4 + 1e-3).all() and (moves[:, 1].abs() <= 6 + 1e-3).all()
    assert moves[:, 0].abs().max() > 2 and moves[:, 1].abs().max() > 3
    torch.testing.assert_close((changed + 1).sum((1, 2, 3)), (images + 1).sum((1, 2, 3)))


def test_rotation_keeps_shapes_on_a_grid_that_is_not_square() -> None:
    """A round blob about the centre of a 40 x 80 image is round at every angle."""
    rows = torch.arange(40)[:, None] - 19.5
    columns = torch.arange(80) - 39.5
    blob = torch.exp(-(rows**2 + columns**2) / 64)
    images = (blob * 2 - 1).expand(10, 1, 40, 80)
    assert (run(images, rotation=90) - images).abs().max() < 0.05


def test_scale_changes_the_area_within_bounds() -> None:
    images = torch.full((30, 1, 64, 64), -1.0)
    images[:, :, 22:42, 22:42] = 1
    area = (run(images, scale=0.2) + 1).sum((1, 2, 3)) / (images + 1).sum((1, 2, 3))
    low, high = float(area.min()), float(area.max())
    assert 0.65 < low < 0.8 and 1.25 < high < 1.55
