"""Where twins differ: marked in both, in any share of a batch, and what that does to the loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from anofpdm.method.class_labels import NULL
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.training.config import TrainingConfig
from anofpdm.training.data.augmentation import augment
from anofpdm.training.data.augmentation_config import Augmentation
from anofpdm.training.data.data_order import DataOrder
from anofpdm.training.data.draws import SharedDraws
from anofpdm.training.data.pairs import VISIBLE, paired_images
from anofpdm.training.step.objective import NoisedBatch, Noising, slice_losses

LABELS = np.array([1, 0, 1, 0, -1, 0, 0, 1])
TWINS = np.array([5, -1, 6, -1, -1, -1, -1, -1])
SIZE = 6  # two pairs: unhealthy, unhealthy, other, other, twin, twin
WHOLE = slice(None)


def stored() -> Tensor:
    """Slices of two channels; 0 and 2 differ from their twins in a block of one channel."""
    images = 0.2 * torch.rand(8, 2, 9, 9, generator=torch.Generator().manual_seed(0)) - 0.1
    images[5], images[6] = images[0], images[2]
    images[0, 1, 2:4, 5:7] += 0.5
    images[2, 0, 6, 1] += 0.5
    return images


IMAGES = stored()


def read(positions: NDArray[np.intp]) -> Tensor:
    return IMAGES[torch.from_numpy(positions)]


def order(faintest: float = 1.0) -> DataOrder:
    return DataOrder(LABELS, SIZE, 1, 1 / 3, TWINS, faintest_lesion=faintest)


def marked(share: slice = WHOLE, faintest: float = 1.0, step: int = 0) -> tuple[Tensor, Tensor]:
    images, lesions, _ = paired_images(order(faintest), step, share, read, compare=True)
    assert lesions is not None and lesions.dtype == torch.bool
    return images, lesions


def expected_lesion(position: int) -> Tensor:
    lesion = torch.zeros(1, 9, 9, dtype=torch.bool)
    if position in (0, 5):
        lesion[0, 1:5, 4:8] = True
    if position in (2, 6):
        lesion[0, 5:8, 0:3] = True
    return lesion


def test_both_twins_are_marked_where_they_differ_and_a_pixel_around() -> None:
    _, lesions = marked()
    chosen = order().batch(0)
    assert set(chosen[:2]) == {0, 2}
    for position, lesion in zip(chosen, lesions, strict=True):
        assert torch.equal(lesion, expected_lesion(int(position)))
    assert not lesions[2:4].any()


@pytest.mark.parametrize("faintest", [1.0, 0.1])
@pytest.mark.parametrize("cut", range(SIZE + 1))
def test_shares_of_a_batch_are_those_of_the_whole(cut: int, faintest: float) -> None:
    images, lesions = marked(faintest=faintest)
    for share in (slice(0, cut), slice(cut, SIZE)):
        part, part_lesions = marked(share, faintest)
        assert torch.equal(part.float(), images[share].float())
        assert torch.equal(part_lesions, lesions[share])


@pytest.mark.parametrize("step", range(12))
def test_a_lesion_that_faded_is_marked_where_it_can_still_be_seen(step: int) -> None:
    """A share of 0.01 of 0.5 is below the smallest difference that counts."""
    images, lesions = marked(faintest=0.01, step=step)
    strengths = order(0.01).strengths(step)[:2]
    for pair, strength in enumerate(strengths):
        seen = float(strength) * 0.5 > VISIBLE
        assert bool(lesions[pair].any()) == seen
        assert torch.equal(lesions[pair], lesions[pair - 2])
        apart = (images[pair] - images[pair - 2]).abs().max()
        assert float(apart) == pytest.approx(0.5 * float(strength), abs=1e-6)


@pytest.mark.parametrize("faintest", [1.0, 0.1])
@pytest.mark.parametrize("cut", range(SIZE + 1))
def test_a_twin_has_its_diseased_slice_beside_it(cut: int, faintest: float) -> None:
    images, _, _ = paired_images(order(faintest), 2, WHOLE, read, compare=True)
    for share in (slice(0, cut), slice(cut, SIZE)):
        _, _, diseased = paired_images(order(faintest), 2, share, read, compare=True)
        assert diseased is not None
        expected = torch.cat([images[:4], images[:2]])[share]
        assert torch.equal(diseased, expected)


def test_marking_does_not_change_the_images() -> None:
    for faintest in (1.0, 0.1):
        plain, lesions, diseased = paired_images(order(faintest), 3, WHOLE, read, compare=False)
        assert lesions is None and diseased is None
        assert torch.equal(plain, marked(faintest=faintest, step=3)[0])


def test_without_twins_nothing_is_marked() -> None:
    plain = DataOrder(LABELS, SIZE, 1)
    _, lesions, _ = paired_images(plain, 0, WHOLE, read, compare=True)
    assert lesions is not None and not lesions.any()


@pytest.mark.parametrize(
    "settings",
    [{}, {"flip": True}, {"rotation": 30, "scale": 0.2, "shift": 0.1}, {"gamma": 0.4, "bias": 0.3}],
)
def test_marks_move_with_the_images_and_keep_their_value(settings: dict[str, float]) -> None:
    """A mark of 1 where the image is white stays where the white is, however bright that is."""
    marks = torch.zeros(6, 1, 16, 16)
    marks[:, :, 4:9, 6:12] = 1

    def moved(given: Tensor | None) -> tuple[Tensor, Tensor | None]:
        draws = SharedDraws(torch.arange(6), torch.Generator().manual_seed(2))
        return augment(2 * marks - 1, Augmentation(**settings), draws, -1, given)

    images, found = moved(marks)
    assert found is not None
    alone, nothing = moved(None)
    assert nothing is None and torch.equal(alone, images)
    if {"gamma", "bias"} & settings.keys():
        assert torch.equal(found, marks)
    else:
        torch.testing.assert_close(found, (images + 1) / 2, rtol=0, atol=1e-6)


def batch_of(weight: Tensor | None) -> NoisedBatch:
    draws = SharedDraws(torch.arange(4), torch.Generator().manual_seed(1))
    labels = torch.zeros(4, dtype=torch.int64)
    drawn = Noising(NoiseSchedule(), torch.device("cpu")).draw(
        torch.zeros(4, 2, 5, 5), labels, 0.1, draws
    )
    return NoisedBatch(drawn.x_t, drawn.noise, drawn.index, drawn.label, weight)


def counterfactual(fraction: float, null: float = 0.2) -> tuple[NoisedBatch, Tensor, Tensor]:
    """A batch of four pairs, the slices that it is made of, and these with their lesions."""
    generator = torch.Generator().manual_seed(4)
    sick, healthy = torch.rand(2, 4, 2, 5, 5, generator=generator).double()
    images, diseased = torch.cat([sick, healthy]), torch.cat([sick, sick])
    labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, -1])
    draws = SharedDraws(torch.arange(4).repeat(2), torch.Generator().manual_seed(1))
    noising = Noising(NoiseSchedule(), torch.device("cpu"))
    batch = noising.draw(images, labels, null, draws, diseased, fraction)
    return batch, images, diseased


def signal_and_deviation(batch: NoisedBatch) -> tuple[Tensor, Tensor]:
    alpha_bar = torch.from_numpy(NoiseSchedule().alpha_bars[1:])[batch.index, None, None, None]
    return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_the_noise_to_be_found_leads_back_to_the_healthy_slice(fraction: float) -> None:
    """Eq. 10 gives it, whatever slice was noised."""
    batch, images, _ = counterfactual(fraction)
    signal, deviation = signal_and_deviation(batch)
    found = (batch.x_t - deviation * batch.noise) / signal
    torch.testing.assert_close(found, images, rtol=0, atol=1e-4)


def test_labelled_twins_are_shown_with_the_lesion_and_null_ones_without() -> None:
    batch, images, diseased = counterfactual(1.0, null=0.4)
    plain, _, _ = counterfactual(0.0, null=0.4)
    null = batch.label == NULL
    assert 0 < int(null[4:].sum()) < 4 and null[7]
    assert torch.equal(batch.label, plain.label) and torch.equal(batch.index, plain.index)
    signal, deviation = signal_and_deviation(batch)
    shown = torch.where(null[:, None, None, None], images, diseased)
    torch.testing.assert_close(
        batch.x_t, signal * shown + deviation * plain.noise, rtol=0, atol=1e-6
    )
    assert torch.equal(batch.noise[:4], plain.noise[:4])


def test_no_counterfactual_slice_draws_nothing_more() -> None:
    with_none, images, _ = counterfactual(0.0)
    draws = SharedDraws(torch.arange(4).repeat(2), torch.Generator().manual_seed(1))
    labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, -1])
    plain = Noising(NoiseSchedule(), torch.device("cpu")).draw(images, labels, 0.2, draws)
    assert torch.equal(with_none.x_t, plain.x_t) and torch.equal(with_none.noise, plain.noise)


class Zero(torch.nn.Module):
    def forward(self, x: Tensor, *_: Tensor) -> Tensor:
        return torch.zeros_like(x)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_weighted_pixel_counts_that_often(parts: int) -> None:
    weight = torch.ones(4, 1, 5, 5)
    weight[1, 0, 2, 3] = 11
    batch = batch_of(weight)
    losses = torch.cat([slice_losses(Zero(), part, bfloat16=False) for part in batch.split(parts)])
    plain = functional.mse_loss(torch.zeros_like(batch.noise), batch.noise, reduction="none")
    repeated = plain.mean((1, 2, 3))
    repeated[1] += 10 * plain[1, :, 2, 3].sum() / plain[1].numel()
    torch.testing.assert_close(losses, repeated)


def test_a_weight_of_one_is_no_weight() -> None:
    plain, weighted = (
        slice_losses(Zero(), batch_of(weight), bfloat16=False)
        for weight in (None, torch.ones(4, 1, 5, 5))
    )
    assert torch.equal(plain, weighted)


def test_what_compares_twins_needs_them() -> None:
    with pytest.raises(ValueError, match="lesion_weight needs twins"):
        TrainingConfig(lesion_weight=2)
    with pytest.raises(ValueError, match="counterfactual_fraction needs twins"):
        TrainingConfig(counterfactual_fraction=0.5)
    with pytest.raises(ValueError, match="lesion_weight"):
        TrainingConfig(lesion_weight=0.5, twins=True, unhealthy_fraction=0.5)
