from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from anofpdm.common.errors import (
    DatasetError,
    SettingsError,
    TrainingError,
)
from anofpdm.datasets import SliceDataset
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from anofpdm.training import (
    TrainingConfig,
    TrainingProgress,
    TrainingResult,
    export_bundle,
    train,
)
from anofpdm.training.data.augmentation_config import Augmentation
from anofpdm.training.data.batches import Batches
from anofpdm.training.data.data_order import DataOrder
from anofpdm.training.data.draws import SharedDraws
from anofpdm.training.monitor.held_out import HeldOutLoss
from anofpdm.training.run.checkpoints import list_checkpoints, load_checkpoint
from anofpdm.training.step.objective import Noising
from anofpdm.training.step.trainer import Trainer
from tests.core.training_cases import (
    CPU,
    assert_same_state,
    events,
    make_config,
    make_dataset,
    stop_after,
)


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


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_saves_and_returns(tmp_path: Path, dataset: SliceDataset, name: str) -> None:
    if not hasattr(signal, name):
        pytest.skip("SIGHUP of Unix")
    number = signal.Signals[name]
    before = signal.getsignal(number)

    def terminate(report: TrainingProgress) -> None:
        if report.step == 3:
            os.kill(os.getpid(), number)

    result = train(make_config(), dataset, tmp_path / "run", progress=terminate)
    assert (result.step, result.finished) == (3, False)
    assert result.checkpoint.name == "step-00000003.pt"
    assert signal.getsignal(number) is before
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


def test_data_that_does_not_fit_the_network_is_refused(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    network = make_config().network.model_copy(update={"image_size": 32})
    with pytest.raises(TrainingError, match=r"1 x 16 x 16 .* reads 1 x 32 x 32"):
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
        ("steps = ", "not valid TOML"),
        ("[augmentation]\ngain = 2.0", "augmentation.gain is 2.0"),
        ("weight_decay = inf", "weight_decay is inf"),
        ("grad_clip = inf", "grad_clip is inf"),
        ("min_snr_gamma = inf", "min_snr_gamma is inf"),
        ("lr = nan", "lr is nan"),
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
    draws = SharedDraws(torch.arange(2000), generator)
    batch = noising.draw(torch.zeros(2000, 1, 1, 1), labels, 0.1, draws)
    assert set(batch.index.tolist()) == set(range(50))
    HeldOutLoss(dataset.select("val"), 8, noising, CPU).evaluate(Recorder(), 8, bfloat16=False)
    assert 40 < max(seen) < 50


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
    with pytest.raises(TrainingError, match="too small for a pair"):
        train(make_config(twins=True, unhealthy_fraction=0.01), twins, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_training_with_twins_needs_a_dataset_that_has_them(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    with pytest.raises(TrainingError, match=r"has no healthy twins .* set twins = false"):
        train(make_config(twins=True, unhealthy_fraction=0.5), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_step_weighs_the_pixels_in_which_twins_differ(tmp_path: Path, accumulation: int) -> None:
    """Of the twin dataset's slices all pixels differ, so their losses count seven times."""
    selection = make_twin_dataset(tmp_path / "d.zarr").select("train")
    network = make_config().network.model_copy(update={"dropout": 0.0})
    losses = []
    for weight in (1.0, 7.0):
        config = make_config(
            network=network,
            twins=True,
            unhealthy_fraction=0.5,
            batch_size=4,
            lesion_weight=weight,
            accumulation=accumulation,
            augmentation=Augmentation(flip=True),
        )
        torch.manual_seed(0)
        trainer = Trainer(config, UNet(network), selection, CPU)
        losses.append(float(trainer.step(0, 0.0)[0]))
        trainer.close()
    assert losses[1] == pytest.approx(7 * losses[0], rel=1e-5)


@pytest.mark.parametrize("null", [0.0, 1.0])
def test_a_counterfactual_twin_is_the_same_picture_under_the_other_label(
    tmp_path: Path, null: float
) -> None:
    """Same noise and same augmentation, so the label alone can tell the twins apart."""
    selection = make_twin_dataset(tmp_path / "d.zarr").select("train")
    config = make_config(
        twins=True,
        unhealthy_fraction=0.5,
        batch_size=4,
        faintest_lesion=0.3,
        counterfactual_fraction=1.0,
        null_label_probability=null,
        augmentation=Augmentation(flip=True, gamma=0.3, rotation=20, bias=0.2),
    )
    network = Recording(config.network)
    trainer = Trainer(config, network, selection, CPU)
    trainer.step(0, 0.0)
    trainer.close()
    ((x, index, label),) = network.seen
    assert torch.equal(index[:2], index[2:])
    assert label.tolist() == ([2] * 4 if null else [1, 1, 0, 0])
    assert torch.equal(x[:2], x[2:]) == (null == 0)


class Recording(UNet):
    """A network that remembers what it was called with."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        self.seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        self.seen.append((x.detach().clone(), index, label))
        return super().forward(x, index, label)


def test_faint_lesions_lie_between_slice_and_twin(tmp_path: Path) -> None:
    selection = make_twin_dataset(tmp_path / "d.zarr").select("train")
    order = DataOrder(selection.labels, 4, 0, 0.5, selection.twins, faintest_lesion=0.05)
    batches = Batches(selection, order, slice(None), CPU)
    try:
        for step in range(6):
            images, labels, *_ = batches.batch(step)
            plain = torch.from_numpy(selection.images[order.batch(step)]).float()
            strengths = torch.from_numpy(order.strengths(step))[:2, None, None, None]
            expected = plain[2:] + strengths * (plain[:2] - plain[2:])
            torch.testing.assert_close(images[:2], expected, rtol=0, atol=2e-3)
            assert torch.equal(images[2:], plain[2:])
            assert labels.tolist() == [1, 1, 0, 0]
    finally:
        batches.close()
    with pytest.raises(ValueError, match="faintest_lesion needs twins"):
        TrainingConfig(faintest_lesion=0.1)


def test_a_run_can_start_from_a_bundle(
    tmp_path: Path, dataset: SliceDataset, whole: TrainingResult
) -> None:
    assert whole.bundle is not None
    bundle = load_bundle(whole.bundle)
    tuned = train(make_config(steps=1, lr=1e-12), dataset, tmp_path / "tuned", start_from=bundle)
    expected = bundle.network().state_dict()
    for name, values in load_checkpoint(tuned.checkpoint).network.items():
        torch.testing.assert_close(values, expected[name], rtol=0, atol=1e-6)
    assert tuned.bundle is not None
    origin = load_bundle(tuned.bundle).metadata.training["started_from"]
    assert origin == f"{bundle.name} {bundle.hash}"


def test_a_run_can_start_from_a_bundle_for_coarser_slices(
    tmp_path: Path, dataset: SliceDataset, whole: TrainingResult
) -> None:
    assert whole.bundle is not None
    bundle = load_bundle(whole.bundle)
    network = bundle.metadata.network
    finer = network.at_size(2 * network.image_size)
    path = tmp_path / "fine.zarr"
    recipe = {**dataset.preprocessing, "size": finer.image_size}
    with SliceDataset.create(path, modalities=dataset.modalities, preprocessing=recipe) as writer:
        for split in ("train", "val"):
            chosen = dataset.select(split)
            images = dataset.read("images", chosen.positions)
            fine = images.repeat(2, axis=-2).repeat(2, axis=-1)
            writer.append(fine, chosen.labels, subject=split, split=split)
    config = make_config(steps=1, lr=1e-12, network=finer)
    tuned = train(config, SliceDataset.open(path), tmp_path / "tuned", start_from=bundle)
    expected = bundle.network().state_dict()
    for name, values in load_checkpoint(tuned.checkpoint).network.items():
        torch.testing.assert_close(values, expected[name], rtol=0, atol=1e-6)


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
