from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anofpdm.common.errors import (
    DeviceError,
    TrainingError,
)
from anofpdm.datasets import SliceDataset
from anofpdm.method.class_labels import NULL
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from anofpdm.training import TrainingResult, train
from anofpdm.training.config import lr_factor
from anofpdm.training.data.augmentation import augment
from anofpdm.training.data.augmentation_config import Augmentation
from anofpdm.training.data.draws import SharedDraws
from anofpdm.training.run import loop
from anofpdm.training.run.checkpoints import load_checkpoint
from anofpdm.training.step.objective import Noising, slice_losses
from anofpdm.training.step.trainer import Trainer, step_seed
from tests.core.training_cases import (
    CPU,
    events,
    make_config,
    stop_after,
)


def test_moving_average_follows_its_warm_up(dataset: SliceDataset) -> None:
    config = make_config(ema_decay=0.3, augmentation={})
    torch.manual_seed(0)
    trainer = Trainer(config, UNet(config.network), dataset.select("train"), CPU)
    expected = None
    for step in range(5):
        trainer.step(step, 1e-2)
        value = trainer.network.get_parameter("time_embed.0.weight").detach().double()
        # The first update copies; k counts the updates before this one.
        decay = min(0.3, (1 + step) / (10 + step))
        expected = value if expected is None else decay * expected + (1 - decay) * value
        average = trainer.ema.module.get_parameter("time_embed.0.weight").double()
        torch.testing.assert_close(average, expected, rtol=0, atol=1e-6)


def test_each_step_takes_its_learning_rate(dataset: SliceDataset) -> None:
    config = make_config(augmentation={})
    torch.manual_seed(0)
    trainer = Trainer(config, UNet(config.network), dataset.select("train"), CPU)
    before = [p.detach().clone() for p in trainer.network.parameters()]
    trainer.step(0, 0.0)
    for old, new in zip(before, trainer.network.parameters(), strict=True):
        assert torch.equal(old, new)
    trainer.step(1, 1e-3)
    largest = max(
        float((old - new).detach().abs().max())
        for old, new in zip(before, trainer.network.parameters(), strict=True)
    )
    assert 0 < largest < 5e-3


@pytest.mark.parametrize(
    ("schedule", "warmup", "step", "fraction", "expected"),
    [
        ("constant", 0, 0, 0.0, 1.0),
        ("constant", 0, 90, 0.9, 1.0),
        ("constant", 9, 0, 0.0, 0.1),
        ("constant", 9, 9, 0.0, 1.0),
        ("linear", 0, 25, 0.25, 0.75),
        ("linear", 0, 100, 1.2, 0.0),
        ("linear", 9, 4, 0.04, 0.5 * 0.96),
    ],
)
def test_learning_rate_schedule(
    schedule: str, warmup: int, step: int, fraction: float, expected: float
) -> None:
    config = make_config(steps=100, lr_schedule=schedule, warmup_steps=warmup)
    assert lr_factor(config, step, fraction) == pytest.approx(expected)


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulated_parts_make_the_same_steps(dataset: SliceDataset, parts: int) -> None:
    network = make_config().network.model_copy(update={"dropout": 0.0})
    losses, weights = [], []
    for accumulation in (1, parts):
        config = make_config(network=network, batch_size=7, accumulation=accumulation, lr=1e-3)
        torch.manual_seed(0)
        trainer = Trainer(config, UNet(config.network), dataset.select("train"), CPU)
        losses.append([float(trainer.step(step, 1e-3)[0]) for step in range(4)])
        weights.append(trainer.network.get_parameter("time_embed.0.weight").detach())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=1e-4)


def ahead(trainer: Trainer) -> Trainer:
    """As on a GPU, where no step waits for the device."""
    trainer.runs_ahead = True
    return trainer


def test_steps_that_nothing_waits_for_are_the_same(
    tmp_path: Path, dataset: SliceDataset, whole: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loop._trainer
    monkeypatch.setattr(loop, "_trainer", lambda *given: ahead(made(*given)))
    found = train(make_config(), dataset, tmp_path / "ahead")
    assert found.loss == whole.loss
    one, other = (load_checkpoint(result.checkpoint) for result in (whole, found))
    for name, weight in one.network.items():
        assert torch.equal(weight, other.network[name])
    for name, average in one.ema.items():
        assert torch.equal(average, other.ema[name])


def test_no_step_after_a_loss_that_is_not_finite_changes_weights(
    dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(lr=1e-2)
    trainer = ahead(Trainer(config, UNet(config.network), dataset.select("train"), CPU))
    measured = [trainer.step(0, 1e-2)]
    before = {name: w.clone() for name, w in trainer.network.state_dict().items()}
    noised = trainer.noising.weights
    monkeypatch.setattr(trainer.noising, "weights", lambda b: noised(b) * float("nan"))
    measured.append(trainer.step(1, 1e-2))
    monkeypatch.undo()
    measured += [trainer.step(step, 1e-2) for step in (2, 3)]
    assert all(torch.equal(before[name], w) for name, w in trainer.network.state_dict().items())
    assert trainer.check(measured[:1], 0, 1e-2) == [float(measured[0][0])]
    with pytest.raises(TrainingError, match=r"nan .* at step 2; .* below 0\.01"):
        trainer.check(measured, 0, 1e-2)


def test_parts_draw_dropout_of_their_own() -> None:
    seeds = {step_seed(3, 5, rank, part) for rank in range(3) for part in range(3)}
    assert len(seeds) == 9
    assert step_seed(3, 5) == step_seed(3, 5, 0, 0)


def test_more_parts_than_slices_are_refused(tmp_path: Path, dataset: SliceDataset) -> None:
    with pytest.raises(TrainingError, match="batch_size = 4 is too small for accumulation = 5"):
        train(make_config(accumulation=5), dataset, tmp_path / "run")


def plainest() -> UNetConfig:
    """A network of one level without attention: tracing it takes the compiler less."""
    network = make_config().network
    return network.model_copy(update={"channel_multipliers": (1,), "attention_resolutions": ()})


@pytest.mark.nightly
def test_compiled_network_makes_the_same_steps(
    tmp_path: Path, dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = plainest()
    plain = train(make_config(network=network), dataset, tmp_path / "plain")
    compiled: list[object] = []

    def compile_eagerly(network: torch.nn.Module) -> object:
        compiled.append(network)
        return honest(network, backend="eager")

    honest = torch.compile
    monkeypatch.setattr(torch, "compile", compile_eagerly)
    config = make_config(network=network, compile=True, accumulation=2)
    progress, should_stop = stop_after(4)
    train(config, dataset, tmp_path / "run", progress=progress, should_stop=should_stop)
    rest = make_config(network=network, compile=True)
    result = train(rest, dataset, tmp_path / "run", resume=True)
    assert len(compiled) == 2
    assert load_checkpoint(result.checkpoint).network.keys() == (
        load_checkpoint(plain.checkpoint).network.keys()
    )
    assert result.loss == pytest.approx(plain.loss, rel=0.05)


def test_network_that_cannot_be_compiled_is_said(
    tmp_path: Path, dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no C++ compiler")

    honest = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network: honest(network, backend=broken))
    with pytest.raises(TrainingError, match=r"compile = true: .*set compile = false"):
        train(make_config(network=plainest(), compile=True), dataset, tmp_path / "run")


def test_too_little_memory_names_the_keys(
    tmp_path: Path, dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("anofpdm.training.step.trainer.slice_losses", full)
    with pytest.raises(DeviceError, match=r"increase accumulation above 1 .* batch_size below 4"):
        train(make_config(), dataset, tmp_path / "run")
    assert events(tmp_path / "run")[-1]["event"] == "failed"


def test_noised_batch_follows_the_schedule() -> None:
    schedule = NoiseSchedule()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 4, 4, generator=generator) * 2 - 1
    batch = Noising(schedule, CPU).draw(
        images, torch.zeros(6, dtype=torch.int64), 0.1, SharedDraws(torch.arange(6), generator)
    )
    for i in range(6):
        expected = schedule.noised(images[i], batch.noise[i], int(batch.index[i]) + 1)
        torch.testing.assert_close(batch.x_t[i], expected, rtol=0, atol=1e-6)


def test_draw_is_uniform_in_t_and_drops_labels() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, -1]).repeat(4000)
    draws = SharedDraws(torch.arange(12000), generator)
    batch = Noising(NoiseSchedule(), CPU).draw(torch.zeros(12000, 1, 1, 1), labels, 0.1, draws)
    assert batch.index.min() == 0 and batch.index.max() == 999
    counts = torch.bincount(batch.index // 100, minlength=10)
    assert counts.min() > 1050 and counts.max() < 1350
    assert (batch.label[labels == -1] == NULL).all()
    for known in (0, 1):
        given = batch.label[labels == known]
        assert set(given.tolist()) == {known, NULL}
        assert 0.08 < float((given == NULL).float().mean()) < 0.12


def test_loss_is_the_mean_squared_error_to_the_noise() -> None:
    class Zero(torch.nn.Module):
        def forward(self, x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(x)

    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(3, dtype=torch.int64)
    draws = SharedDraws(torch.arange(3), generator)
    batch = Noising(NoiseSchedule(), CPU).draw(torch.zeros(3, 2, 4, 4), labels, 0, draws)
    losses = slice_losses(Zero(), batch, bfloat16=False)
    torch.testing.assert_close(losses, (batch.noise**2).mean((1, 2, 3)))


def test_min_snr_weights_follow_the_formula() -> None:
    schedule = NoiseSchedule()
    index = torch.arange(800)
    noising = Noising(schedule, CPU, max_timestep=800, min_snr_gamma=2.0)
    drawn = noising.at(torch.zeros(800, 1, 1, 1), torch.zeros(800, 1, 1, 1), index, index)
    alpha_bar = schedule.alpha_bars[1:801]
    snr = alpha_bar / (1 - alpha_bar)
    expected = np.minimum(snr, 2.0) / snr
    assert np.allclose(noising.weights(drawn), expected / expected.mean(), rtol=1e-6)


def test_without_min_snr_all_timesteps_weigh_alike() -> None:
    noising = Noising(NoiseSchedule(), CPU)
    index = torch.arange(0, 1000, 100)
    drawn = noising.at(torch.zeros(10, 1, 2, 2), torch.zeros(10, 1, 2, 2), index, index)
    assert torch.equal(noising.weights(drawn), torch.ones(10))


def test_twins_get_the_same_draws_and_others_their_own() -> None:
    draws = SharedDraws(torch.tensor([0, 1, 2, 0, 1]), torch.Generator().manual_seed(0))
    images = torch.rand(3, 1, 8, 8)[[0, 1, 2, 0, 1]] * 2 - 1
    settings = Augmentation(flip=True, gamma=0.3, gain=0.2, bias=0.2, rotation=9.0, shift=0.05)
    changed, _ = augment(images, settings, draws, -1)
    labels = torch.tensor([1, 1, 0, 0, 0])
    batch = Noising(NoiseSchedule(), CPU).draw(changed, labels, 0.5, draws)
    for values in (changed, batch.noise, batch.index, batch.x_t, batch.label == NULL):
        assert torch.equal(values[:2], values[3:])
        assert not torch.equal(values[0], values[2]) or values.dtype == torch.bool
    assert not torch.equal(batch.noise[0], batch.noise[1])


def test_bfloat16_trains(tmp_path: Path, dataset: SliceDataset, whole: TrainingResult) -> None:
    rough = train(make_config(precision="bfloat16"), dataset, tmp_path / "rough")
    assert rough.loss == pytest.approx(whole.loss, rel=0.05)
    assert rough.loss != whole.loss
    weights = load_checkpoint(rough.checkpoint).network.values()
    assert {w.dtype for w in weights} == {torch.float32}
