from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from anofpdm.common.errors import (
    TrainingError,
)
from anofpdm.datasets import SliceDataset
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.model.unet import UNet
from anofpdm.training import TrainingProgress, train
from anofpdm.training.monitor.held_out import HeldOutLoss
from anofpdm.training.monitor.samples import Samples, sample_slices
from anofpdm.training.run.checkpoints import list_checkpoints
from anofpdm.training.step.objective import Noising
from tests.core.training_cases import (
    CPU,
    SIZE,
    events,
    make_config,
)


def test_sample_predictions_are_drawn_with_each_held_out_loss(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    train(make_config(samples=3), dataset, tmp_path / "run")
    pictures = sorted((tmp_path / "run" / "samples").iterdir())
    assert [p.name for p in pictures] == ["step-00000004.png", "step-00000008.png"]
    height, width = imread(pictures[0]).shape[:2]
    assert (width, height) == (850, 580)
    assert pictures[0].read_bytes() != pictures[1].read_bytes()


def test_samples_show_the_gap_between_the_two_predictions(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    class Halves(torch.nn.Module):
        """Predicts no noise for null, and for healthy that half of the signal is noise."""

        def forward(self, x: torch.Tensor, _: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            return 0.5 * x * (label == 0)[:, None, None, None]

    schedule = NoiseSchedule()
    samples = Samples(dataset.select("val"), 4, Noising(schedule, CPU), schedule, CPU)
    x_0, x_t, unguided, guided, gap = samples._predictions(Halves(), False)
    expected = np.clip(x_t / np.sqrt(schedule.alpha_bar(300)), -1, 1)
    np.testing.assert_allclose(unguided, expected, atol=1e-5)
    shrunk = x_t / np.sqrt(schedule.alpha_bar(300)) - schedule.a(300) * 3 * 0.5 * x_t
    np.testing.assert_allclose(guided, np.clip(shrunk, -1, 1), atol=1e-5)
    np.testing.assert_allclose(gap, guided - unguided, atol=1e-6)
    assert x_0.shape == (4, SIZE, SIZE)


def test_samples_are_half_unhealthy_where_possible() -> None:
    labels = np.array([0, 0, 1, 0, 1, 1, -1, 1])
    assert labels[sample_slices(labels, 4)].tolist() == [1, 1, 0, -1]
    assert labels[sample_slices(labels, 1)].tolist() == [0]
    assert len(sample_slices(labels, 16)) == 8
    assert sample_slices(np.zeros(5, dtype=int), 2).tolist() == [1, 3]


def test_samples_come_from_all_of_a_large_dataset(tmp_path: Path) -> None:
    labels = np.arange(200) % 2
    levels = np.linspace(-1, 1, 200).astype(np.float16)
    images = np.broadcast_to(levels[:, None, None, None], (200, 1, 4, 4))
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["flair"]) as writer:
        writer.append(images, labels, subject="a", split="val")
    held_out = SliceDataset.open(tmp_path / "d.zarr").select("val")
    schedule = NoiseSchedule()
    samples = Samples(held_out, 4, Noising(schedule, CPU), schedule, CPU)
    with torch.inference_mode():
        shown = samples._predictions(UNet(make_config().network), False)[0][:, 0, 0]
    expected = levels[sample_slices(labels, 4)].astype(np.float32)
    np.testing.assert_array_equal(shown, expected)
    assert shown[0] > -0.6 and shown[1] < 0.6


def test_tensorboard_is_written_or_said_to_be_missing(
    tmp_path: Path, dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"pip install \"napari-anofpdm\[train\]\""):
        train(make_config(tensorboard=True), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    written: list[tuple[str, int]] = []

    class Writer:
        def __init__(self, log_dir: str, purge_step: int | None) -> None:
            assert log_dir == str(tmp_path / "run" / "tensorboard")
            written.append(("open", purge_step or 0))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            assert np.isfinite(value)
            written.append((name, step))

        def add_image(self, name: str, image: Any, step: int, dataformats: str) -> None:
            assert (image.dtype, image.shape[2], dataformats) == (np.uint8, 3, "HWC")
            written.append((name, step))

        def close(self) -> None:
            written.append(("close", 0))

    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer)
    )
    config = make_config(tensorboard=True, samples=1, steps=4, accuracy_slices=2)
    train(config, dataset, tmp_path / "run")
    assert written[0] == ("open", 0) and written[-1] == ("close", 0)
    assert {("train/loss", 2), ("held_out_label/noise_quartile_4", 4), ("samples", 4)} <= {*written}
    assert {("held_out_accuracy/guidance_16", 4), ("held_out_accuracy/all_alike", 4)} <= {*written}
    train(make_config(tensorboard=True), dataset, tmp_path / "run", resume=True)
    assert ("open", 5) in written


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
