"""The accuracy on held-out slices that a training measures on its way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from anofpdm.datasets import SliceDataset
from anofpdm.guidance.accuracy import GuidanceAccuracy
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.training import train
from anofpdm.training.config import TrainingConfig
from anofpdm.training.monitor.accuracy import GUIDANCES, HeldOutAccuracy, balanced_slices
from tests.core.training_cases import (
    CPU,
    assert_same_state,
    events,
    make_config,
    stop_after,
)

SCHEDULE = NoiseSchedule()


class Knowing(nn.Module):
    """Finds the noise that leads to a slice without its bright corner; with null, to the slice.

    What it takes for the slice is read off the input; `told` false, both labels are one to it.
    """

    def __init__(self, *, told: bool) -> None:
        super().__init__()
        self.told = told
        self.seen: list[int] = []
        self.modes: list[bool] = []

    def forward(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        self.seen += index.tolist()
        self.modes.append(self.training)
        ab = torch.from_numpy(SCHEDULE.alpha_bars[1:])[index][:, None, None, None].float()
        guess = (x / ab.sqrt()).clamp(-1, 1)
        bright = guess[..., 4:8, 4:8].mean((1, 2, 3)) > 0.9
        without = guess.clone()
        without[..., 4:8, 4:8] = -0.2
        taken = (bright & (label == 0) & self.told)[:, None, None, None]
        noise: Tensor = (x - ab.sqrt() * torch.where(taken, without, guess)) / (1 - ab).sqrt()
        return noise


def measured(
    dataset: SliceDataset, network: nn.Module, *, batch_size: int = 8, max_timestep: int = 400
) -> GuidanceAccuracy | None:
    selection = dataset.select("val")
    chosen = balanced_slices(selection.labels, 6)
    judge = HeldOutAccuracy(selection, chosen, SCHEDULE, max_timestep, CPU)
    return judge.evaluate(network, batch_size, bfloat16=False)


def test_a_network_that_knows_the_lesion_is_always_right(dataset: SliceDataset) -> None:
    network = Knowing(told=True)
    found = measured(dataset, network)
    assert found is not None
    assert (found.guidances, found.baseline, found.slices) == (GUIDANCES, 0.5, 6)
    assert found.accuracies == (1.0, 1.0, 1.0)
    assert max(network.seen) == 399
    assert not any(network.modes)
    assert network.training
    # Slice by slice it finds the same, and so it does the next time.
    assert measured(dataset, Knowing(told=True), batch_size=1) == found


def test_a_network_blind_to_labels_is_no_better_than_calling_all_alike(
    dataset: SliceDataset,
) -> None:
    found = measured(dataset, Knowing(told=False))
    assert found is not None
    assert found.accuracies == (found.baseline,) * 3


def test_predictions_without_sense_are_not_measured(dataset: SliceDataset) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor, *_: Tensor) -> Tensor:
            return x * float("nan")

    assert measured(dataset, Broken()) is None


def test_slices_are_drawn_half_from_each_class_where_there_are_enough() -> None:
    labels = np.array([0] * 20 + [1] * 5 + [-1] * 9)
    chosen = balanced_slices(labels, 8)
    assert np.bincount(labels[chosen]).tolist() == [4, 4]
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert np.array_equal(chosen, balanced_slices(labels, 8))
    assert np.bincount(labels[balanced_slices(labels, 16)]).tolist() == [11, 5]
    assert np.bincount(labels[balanced_slices(1 - labels[:25], 16)]).tolist() == [20 - 9, 5]
    assert len(balanced_slices(labels, 1000)) == 25
    for none in (balanced_slices(labels, 0), balanced_slices(labels[:20], 8)):
        assert none.size == 0


@pytest.mark.nightly
def test_measuring_changes_nothing_of_the_run(tmp_path: Path, dataset: SliceDataset) -> None:
    on = make_config(accuracy_slices=4)
    plain = train(make_config(), dataset, tmp_path / "plain")
    judged = train(on, dataset, tmp_path / "judged")
    assert_same_state(plain.checkpoint, judged.checkpoint)
    # It may be switched on when a run goes on, and then is what it would have been.
    progress, should_stop = stop_after(5)
    run = tmp_path / "parts"
    train(make_config(), dataset, run, progress=progress, should_stop=should_stop)
    rest = train(on, dataset, run, resume=True)
    assert_same_state(plain.checkpoint, rest.checkpoint)
    lines = [e for e in events(tmp_path / "judged") if e["event"] == "progress"]
    assert [e["step"] for e in lines if e["accuracy"]] == [4, 8]
    told = lines[-1]["accuracy"]
    assert told["guidances"] == [1.0, 4.0, 16.0]
    assert all(0.5 <= accuracy <= 1 for accuracy in told["accuracies"])
    assert (told["baseline"], told["slices"]) == (0.5, 4)
    assert events(run)[-2]["accuracy"] == told
    assert rest.accuracy == judged.accuracy
    assert plain.accuracy is None


def test_a_split_without_a_class_is_not_measured(tmp_path: Path, dataset: SliceDataset) -> None:
    with SliceDataset.create(
        tmp_path / "d.zarr", modalities=["flair"], preprocessing=dataset.preprocessing
    ) as out:
        for split in ("train", "val"):
            images = dataset.select("train").images[:4]
            labels = [0, 1, 0, 1] if split == "train" else [0, 0, -1, -1]
            out.append(images, labels, subject=split, split=split)
    healthy = SliceDataset.open(tmp_path / "d.zarr")
    train(make_config(steps=1, accuracy_slices=4), healthy, tmp_path / "run")
    [line] = [e for e in events(tmp_path / "run") if e["event"] == "progress"]
    assert line["validation"] is not None
    assert line["accuracy"] is None


def test_it_is_measured_unless_said_otherwise() -> None:
    assert TrainingConfig().accuracy_slices == 64
