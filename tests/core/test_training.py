from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anofpdm.bundle import ModelBundle, load_bundle
from anofpdm.datasets import SliceDataset
from anofpdm.errors import CheckpointError, DatasetError, SettingsError, TrainingError
from anofpdm.schedule import NoiseSchedule
from anofpdm.training import TrainingConfig, TrainingProgress, export_bundle, train
from anofpdm.training.augmentation import augment
from anofpdm.training.augmentation_config import Augmentation
from anofpdm.training.checkpoints import Checkpoint, list_checkpoints, load_checkpoint
from anofpdm.training.config import lr_factor
from anofpdm.training.draws import SharedDraws
from anofpdm.training.held_out import HeldOutLoss
from anofpdm.training.objective import NULL_LABEL, Noising, slice_losses
from anofpdm.training.trainer import Trainer
from anofpdm.unet import UNet

SIZE = 16
CPU = torch.device("cpu")


def make_dataset(path: Path, *, val: bool = True, **preprocessing: Any) -> SliceDataset:
    """Smooth blobs; the unhealthy ones are brighter in a corner."""
    grid = np.linspace(-1, 1, SIZE)
    disc = grid[:, None] ** 2 + grid**2 < 0.8
    generator = np.random.default_rng(7)
    settings = {"size": SIZE, "extent_mm": 200.0, "rows": "P", "columns": "L", **preprocessing}
    with SliceDataset.create(path, modalities=["flair"], preprocessing=settings) as out:
        for number in range(4):
            labels = np.arange(10) % 2
            levels = generator.uniform(0.2, 0.6, (10, 1, 1))
            images = np.where(disc, levels, 0.0)
            images[labels == 1, 4:8, 4:8] = 1.0
            split = "val" if val and number == 3 else "train"
            out.append(images[:, None] * 2 - 1, labels, subject=f"s{number}", split=split)
    return SliceDataset.open(path)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SliceDataset:
    return make_dataset(tmp_path_factory.mktemp("data") / "d.zarr")


def make_config(**changes: Any) -> TrainingConfig:
    values: dict[str, Any] = {
        "network": {
            "image_size": SIZE,
            "in_channels": 1,
            "base_channels": 8,
            "channel_multipliers": [1, 2],
            "blocks_per_level": 1,
            "attention_resolutions": [8],
            "dropout": 0.1,
        },
        "steps": 8,
        "batch_size": 4,
        "lr": 2e-3,
        "lr_schedule": "linear",
        "grad_clip": 1.0,
        "unhealthy_fraction": 0.5,
        "augmentation": {"flip": True, "gamma": 0.2, "bias": 0.1, "rotation": 5},
        "checkpoint_every": 4,
        "validate_every": 4,
        "log_every": 2,
        "validation_slices": 8,
    }
    return TrainingConfig.model_validate({**values, **changes})


def events(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, list | tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right


def assert_same_state(left: Path, right: Path) -> None:
    one, other = load_checkpoint(left), load_checkpoint(right)
    for field in fields(Checkpoint):
        if field.name not in ("elapsed_seconds", "config"):
            assert_same(getattr(one, field.name), getattr(other, field.name))


def stop_after(step: int) -> tuple[Callable[[TrainingProgress], None], Callable[[], bool]]:
    done: list[int] = []
    return lambda report: done.append(report.step), lambda: done[-1] >= step


@pytest.mark.parametrize("step", [4, 5])
def test_resumed_run_ends_with_the_same_bits(
    tmp_path: Path, dataset: SliceDataset, step: int
) -> None:
    whole = train(make_config(), dataset, tmp_path / "whole")
    progress, should_stop = stop_after(step)
    part = train(
        make_config(), dataset, tmp_path / "parts", progress=progress, should_stop=should_stop
    )
    assert (part.step, part.finished, part.bundle) == (step, False, None)
    rest = train(make_config(), dataset, tmp_path / "parts", resume=True)
    assert (rest.step, rest.finished) == (8, True)
    assert_same_state(whole.checkpoint, rest.checkpoint)


def test_run_does_not_depend_on_nor_disturb_the_global_generator(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    torch.manual_seed(1)
    first = train(make_config(steps=2), dataset, tmp_path / "a")
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = train(make_config(steps=2), dataset, tmp_path / "b")
    assert torch.equal(torch.get_rng_state(), state)
    assert_same_state(first.checkpoint, second.checkpoint)


def test_seeds_make_different_runs(tmp_path: Path, dataset: SliceDataset) -> None:
    runs = [train(make_config(steps=2, seed=s), dataset, tmp_path / str(s)) for s in (0, 1)]
    assert runs[0].loss != runs[1].loss


def test_training_lowers_the_held_out_loss(tmp_path: Path, dataset: SliceDataset) -> None:
    config = make_config(
        steps=60, batch_size=16, lr=1e-2, ema_decay=0.9, validate_every=60, augmentation={}
    )
    seen: list[TrainingProgress] = []
    train(config, dataset, tmp_path / "run", progress=seen.append)
    losses = seen[-1].validation
    assert losses is not None
    # An untrained network predicts 0, which loses 1 in each of the four quartiles.
    assert sum(losses["label"]) < 1.2
    assert losses["label"][0] == max(losses["label"])


def test_events_and_progress_tell_the_run(tmp_path: Path, dataset: SliceDataset) -> None:
    seen: list[TrainingProgress] = []
    result = train(make_config(), dataset, tmp_path / "run", progress=seen.append)
    lines = events(tmp_path / "run")
    assert [e["event"] for e in lines] == ["start", *["progress"] * 4, "finished"]
    assert [e["step"] for e in lines[1:-1]] == [2, 4, 6, 8]
    assert [bool(e["validation"]) for e in lines[1:-1]] == [False, True, False, True]
    assert [report.step for report in seen] == list(range(1, 9))
    assert seen[-1].seconds_left == 0
    assert seen[0].images_per_second > 0
    assert result.loss == seen[-1].loss == lines[-2]["loss"]
    assert [p.name for p in list_checkpoints(tmp_path / "run")] == [
        "step-00000004.pt",
        "step-00000008.pt",
    ]


def test_bundle_holds_the_moving_average(tmp_path: Path, dataset: SliceDataset) -> None:
    config = make_config(bundle={"name": "tiny", "licence": "CC0-1.0"})
    result = train(config, dataset, tmp_path / "run")
    assert result.bundle is not None
    bundle = export_bundle(tmp_path / "run", tmp_path / "again", description="Renamed.")
    assert (tmp_path / "again/weights.safetensors").read_bytes() == (
        result.bundle / "weights.safetensors"
    ).read_bytes()
    assert isinstance(bundle, ModelBundle)
    metadata = bundle.metadata
    assert (metadata.name, metadata.licence, metadata.description) == (
        "tiny", "CC0-1.0", "Renamed.",
    )  # fmt: skip
    assert metadata.calibration is None
    assert metadata.modalities == metadata.scored == ("flair",)
    assert metadata.training["step"] == 8
    state = load_checkpoint(result.checkpoint)
    for name, weight in bundle.network("cpu").state_dict().items():
        assert torch.equal(weight, state.ema[f"module.{name}"].half().float())
    assert not torch.equal(state.ema["module.label_emb.weight"], state.network["label_emb.weight"])


def test_bundle_of_an_earlier_checkpoint(tmp_path: Path, dataset: SliceDataset) -> None:
    train(make_config(), dataset, tmp_path / "run")
    first = list_checkpoints(tmp_path / "run")[0]
    bundle = export_bundle(tmp_path / "run", tmp_path / "early", checkpoint=first)
    assert bundle.metadata.training["step"] == 4


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


class Clock:
    """A clock that moves six seconds at each look."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 6.0
        return self.now


def test_time_limit_ends_the_run_with_the_rate_near_zero(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    seen: list[TrainingProgress] = []
    result = train(
        make_config(steps=1000), dataset, tmp_path / "run", max_minutes=5, progress=seen.append,
        clock=Clock(),
    )  # fmt: skip
    assert result.finished
    assert result.bundle is not None
    assert 5 < result.step < 30
    rates = [report.lr for report in seen]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 1.8e-3
    assert rates[-1] < 3e-4


def test_time_of_all_sessions_counts(tmp_path: Path, dataset: SliceDataset) -> None:
    progress, should_stop = stop_after(3)
    config = make_config(steps=1000)
    run = tmp_path / "run"
    train(config, dataset, run, max_minutes=5, progress=progress, should_stop=should_stop,
          clock=Clock())  # fmt: skip
    spent = load_checkpoint(list_checkpoints(run)[-1]).elapsed_seconds
    assert spent > 30
    seen: list[TrainingProgress] = []
    train(config, dataset, run, resume=True, max_minutes=5, progress=seen.append, clock=Clock())
    assert seen[0].elapsed_seconds > spent
    assert seen[0].lr < 2e-3 * (1 - spent / 300) + 1e-9


def test_sigterm_saves_and_returns(tmp_path: Path, dataset: SliceDataset) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def terminate(report: TrainingProgress) -> None:
        if report.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    result = train(make_config(), dataset, tmp_path / "run", progress=terminate)
    assert (result.step, result.finished) == (3, False)
    assert result.checkpoint.name == "step-00000003.pt"
    assert signal.getsignal(signal.SIGTERM) is before
    assert events(tmp_path / "run")[-1] == {"event": "stopped", "step": 3}


def test_loss_that_is_not_finite_stops_at_the_last_good_checkpoint(
    tmp_path: Path, dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = UNet.forward
    calls = []

    def spoilt(self: UNet, *arguments: torch.Tensor) -> torch.Tensor:
        calls.append(self.training)
        return honest(self, *arguments) * (float("nan") if sum(calls) == 6 else 1.0)

    monkeypatch.setattr(UNet, "forward", spoilt)
    with pytest.raises(TrainingError, match=r"nan .* at step 6"):
        train(make_config(), dataset, tmp_path / "run")
    kept = list_checkpoints(tmp_path / "run")
    assert [p.name for p in kept] == ["step-00000004.pt"]
    assert all(torch.isfinite(w).all() for w in load_checkpoint(kept[0]).network.values())
    assert events(tmp_path / "run")[-1]["event"] == "failed"


def test_run_folder_is_not_trained_over(tmp_path: Path, dataset: SliceDataset) -> None:
    train(make_config(steps=1), dataset, tmp_path / "run")
    with pytest.raises(CheckpointError, match="holds a run already"):
        train(make_config(steps=1), dataset, tmp_path / "run")


def test_end_can_be_moved_on_resume(tmp_path: Path, dataset: SliceDataset) -> None:
    train(make_config(steps=2), dataset, tmp_path / "run")
    assert train(make_config(steps=3), dataset, tmp_path / "run", resume=True).step == 3


def test_resuming_another_run_or_dataset_is_refused(tmp_path: Path, dataset: SliceDataset) -> None:
    train(make_config(steps=1), dataset, tmp_path / "run")
    with pytest.raises(CheckpointError, match="batch_size = 4, not 5"):
        train(make_config(batch_size=5), dataset, tmp_path / "run", resume=True)
    other = make_dataset(tmp_path / "other.zarr", val=False)
    assert other.fingerprint == dataset.fingerprint
    with SliceDataset.create(tmp_path / "third.zarr", modalities=["flair"],
                             preprocessing=dataset.preprocessing) as out:  # fmt: skip
        out.append(np.zeros((4, 1, SIZE, SIZE)), [0, 1, 0, 1], subject="x", split="train")
    third = SliceDataset.open(tmp_path / "third.zarr")
    with pytest.raises(CheckpointError, match="another dataset"):
        train(make_config(steps=2), third, tmp_path / "run", resume=True)


def test_nothing_to_resume_is_said(tmp_path: Path, dataset: SliceDataset) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        train(make_config(), dataset, tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_damaged_checkpoint_is_refused(
    tmp_path: Path, dataset: SliceDataset, content: bytes | None
) -> None:
    checkpoint = train(make_config(steps=1), dataset, tmp_path / "run").checkpoint
    checkpoint.write_bytes(checkpoint.read_bytes()[:-500] if content is None else content)
    with pytest.raises(CheckpointError, match="damaged"):
        train(make_config(), dataset, tmp_path / "run", resume=True)


def test_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "step-00000001.pt"
    torch.save({"format_version": 1, "step": Path}, path)
    with pytest.raises(CheckpointError, match="not a training checkpoint"):
        load_checkpoint(path)


def test_data_that_does_not_fit_the_network_is_refused(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    network = make_config().network.model_copy(update={"image_size": 32})
    with pytest.raises(TrainingError, match=r"1 x 16 x 16 .* takes 1 x 32 x 32"):
        train(make_config(network=network), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_that_makes_no_bundle_is_refused_at_the_start(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d.zarr", extent_mm=None)
    with pytest.raises(SettingsError, match="extent_mm"):
        train(make_config(), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_validation_split_is_no_obstacle(tmp_path: Path) -> None:
    seen: list[TrainingProgress] = []
    dataset = make_dataset(tmp_path / "d.zarr", val=False)
    train(make_config(steps=4), dataset, tmp_path / "run", progress=seen.append)
    assert all(report.validation is None for report in seen)


def test_bfloat16_trains(tmp_path: Path, dataset: SliceDataset) -> None:
    rough = train(make_config(precision="bfloat16"), dataset, tmp_path / "rough")
    exact = train(make_config(), dataset, tmp_path / "exact")
    assert rough.loss == pytest.approx(exact.loss, rel=0.05)
    assert rough.loss != exact.loss
    weights = load_checkpoint(rough.checkpoint).network.values()
    assert {w.dtype for w in weights} == {torch.float32}


def test_noised_batch_follows_the_schedule() -> None:
    schedule = NoiseSchedule()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 4, 4, generator=generator) * 2 - 1
    batch = Noising(schedule, CPU).draw(
        images, torch.zeros(6, dtype=torch.int64), 0.1, SharedDraws.separate(6, generator)
    )
    for i in range(6):
        expected = schedule.noised(images[i], batch.noise[i], int(batch.index[i]) + 1)
        torch.testing.assert_close(batch.x_t[i], expected, rtol=0, atol=1e-6)


def test_draw_is_uniform_in_t_and_drops_labels() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, -1]).repeat(4000)
    draws = SharedDraws.separate(12000, generator)
    batch = Noising(NoiseSchedule(), CPU).draw(torch.zeros(12000, 1, 1, 1), labels, 0.1, draws)
    assert batch.index.min() == 0 and batch.index.max() == 999
    counts = torch.bincount(batch.index // 100, minlength=10)
    assert counts.min() > 1050 and counts.max() < 1350
    assert (batch.label[labels == -1] == NULL_LABEL).all()
    for known in (0, 1):
        given = batch.label[labels == known]
        assert set(given.tolist()) == {known, NULL_LABEL}
        assert 0.08 < float((given == NULL_LABEL).float().mean()) < 0.12


def test_loss_is_the_mean_squared_error_to_the_noise() -> None:
    class Zero(torch.nn.Module):
        def forward(self, x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(x)

    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(3, dtype=torch.int64)
    draws = SharedDraws.separate(3, generator)
    batch = Noising(NoiseSchedule(), CPU).draw(torch.zeros(3, 2, 4, 4), labels, 0, draws)
    losses = slice_losses(Zero(), batch, bfloat16=False)
    torch.testing.assert_close(losses, (batch.noise**2).mean((1, 2, 3)))


def test_held_out_loss_is_the_same_every_time_and_ordered_by_noise(dataset: SliceDataset) -> None:
    class Constant(torch.nn.Module):
        """Predicts x_t: wrong by much at low noise, nearly right at high noise."""

        def forward(self, x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            return x

    def evaluate(batch_size: int) -> dict[str, list[float]]:
        held_out = HeldOutLoss(dataset.select("val"), 8, Noising(NoiseSchedule(), CPU), CPU)
        return held_out.evaluate(Constant(), batch_size, bfloat16=False)

    first, second = evaluate(8), evaluate(3)
    assert first["label"] == pytest.approx(second["label"], rel=1e-6)
    assert len(first["label"]) == 4
    assert first["label"] == sorted(first["label"], reverse=True)


def test_toml_configures_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'steps = 12\nprecision = "bfloat16"\n[augmentation]\nflip = true\n'
        "[network]\nimage_size = 16\nin_channels = 1\nbase_channels = 8\n"
        "channel_multipliers = [1, 2]\n[bundle]\nname = 'x'\n"
    )
    config = TrainingConfig.from_toml(path, steps=20)
    assert (config.steps, config.precision, config.augmentation.flip) == (20, "bfloat16", True)
    assert config.network.image_size == 16
    assert config.lr == 1e-4
    assert TrainingConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 0", "run.toml: steps is 0"),
        ("stepps = 3", "stepps is not a known field"),
        ("steps = ", "not a readable TOML"),
        ("[augmentation]\ngain = 2.0", "augmentation.gain is 2.0"),
    ],
)
def test_wrong_toml_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        TrainingConfig.from_toml(path)


def test_defaults_are_the_published_ones() -> None:
    config = TrainingConfig()
    assert config.network.channel_multipliers == (1, 1, 2, 3, 4)
    assert (config.network.image_size, config.network.base_channels, config.network.heads) == (
        128, 128, 2,
    )  # fmt: skip
    assert (config.batch_size, config.lr, config.betas) == (64, 1e-4, (0.9, 0.999))
    assert (config.weight_decay, config.ema_decay, config.steps) == (0.0, 0.9999, 210_000)
    assert config.null_label_probability == 0.1


def test_limit_on_timesteps_holds_in_training_and_held_out_loss(dataset: SliceDataset) -> None:
    seen: list[int] = []

    class Recorder(torch.nn.Module):
        def forward(self, x: torch.Tensor, index: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
            seen.extend(index.tolist())
            return x

    noising = Noising(NoiseSchedule(), CPU, 50)
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(2000, dtype=torch.int64)
    draws = SharedDraws.separate(2000, generator)
    batch = noising.draw(torch.zeros(2000, 1, 1, 1), labels, 0.1, draws)
    assert set(batch.index.tolist()) == set(range(50))
    HeldOutLoss(dataset.select("val"), 8, noising, CPU).evaluate(Recorder(), 8, bfloat16=False)
    assert 40 < max(seen) < 50


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
    changed = augment(images, settings, draws, -1)
    labels = torch.tensor([1, 1, 0, 0, 0])
    batch = Noising(NoiseSchedule(), CPU).draw(changed, labels, 0.5, draws)
    for values in (changed, batch.noise, batch.index, batch.x_t, batch.label == NULL_LABEL):
        assert torch.equal(values[:2], values[3:])
        assert not torch.equal(values[0], values[2]) or values.dtype == torch.bool
    assert not torch.equal(batch.noise[0], batch.noise[1])


def make_twin_dataset(path: Path) -> SliceDataset:
    rng = np.random.default_rng(0)
    with SliceDataset.create(
        path, modalities=("flair",), preprocessing={"size": 16, "extent_mm": 208.0}
    ) as writer:
        for name in ("a", "b"):
            images = rng.uniform(-1, 1, (6, 1, 16, 16))
            labels = np.array([0, 1, 1, -1, 1, 0])
            writer.append(images, labels, subject=name, split="train", slice_ids=range(10, 16))
            writer.append(
                -images[labels == 1],
                np.zeros(3),
                subject=f"{name}-twin",
                twin_of=name,
                split="train",
                slice_ids=np.arange(10, 16)[labels == 1],
            )
    return SliceDataset.open(path)


def test_a_dataset_finds_the_twin_of_each_slice(tmp_path: Path) -> None:
    selection = make_twin_dataset(tmp_path / "d.zarr").select("train")
    twins = selection.twins
    assert ((twins >= 0) == (selection.labels == 1)).all()
    sick = np.flatnonzero(twins >= 0)
    assert np.array_equal(selection.images[twins[sick]], -selection.images[sick])
    assert np.array_equal(selection.slice_ids[twins[sick]], selection.slice_ids[sick])


def test_a_twin_of_nobody_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(DatasetError, match=r'"x".*"nobody"'),
        SliceDataset.create(tmp_path / "d.zarr", modalities=("flair",)) as writer,
    ):
        writer.append(np.zeros((1, 1, 16, 16)), [0], subject="x", twin_of="nobody", split="train")
    assert not (tmp_path / "d.zarr").exists()


def test_training_with_twins_runs_and_asks_for_room(tmp_path: Path) -> None:
    twins = make_twin_dataset(tmp_path / "d.zarr")
    result = train(make_config(twins=True, unhealthy_fraction=0.5), twins, tmp_path / "run")
    assert result.finished
    with pytest.raises(ValueError, match="unhealthy_fraction"):
        TrainingConfig(twins=True)
    with pytest.raises(TrainingError, match="no room for a pair"):
        train(make_config(twins=True, unhealthy_fraction=0.01), twins, tmp_path / "other")


def test_a_run_can_start_from_a_bundle(tmp_path: Path, dataset: SliceDataset) -> None:
    first = train(make_config(), dataset, tmp_path / "first")
    assert first.bundle is not None
    bundle = load_bundle(first.bundle)
    tuned = train(make_config(steps=1, lr=1e-12), dataset, tmp_path / "tuned", start_from=bundle)
    expected = bundle.network().state_dict()
    for name, values in load_checkpoint(tuned.checkpoint).network.items():
        torch.testing.assert_close(values, expected[name], rtol=0, atol=1e-6)
    assert tuned.bundle is not None
    origin = load_bundle(tuned.bundle).metadata.training["started_from"]
    assert origin == f"{bundle.name} {bundle.hash}"


def test_starting_from_another_network_is_refused(tmp_path: Path, dataset: SliceDataset) -> None:
    first = train(make_config(steps=1), dataset, tmp_path / "first")
    assert first.bundle is not None
    wider = make_config().network.model_copy(update={"base_channels": 16})
    with pytest.raises(TrainingError, match=r"copy its \[network\]"):
        train(
            make_config(network=wider),
            dataset,
            tmp_path / "other",
            start_from=load_bundle(first.bundle),
        )
    assert not list((tmp_path / "other").rglob("*.pt"))
