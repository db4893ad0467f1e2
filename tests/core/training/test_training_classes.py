"""A run says before its first step whether its slices can teach guidance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from anofpdm.common.errors import TrainingError
from anofpdm.datasets import SliceDataset
from anofpdm.training import train
from anofpdm.training.run.classes import check_classes
from anofpdm.training.run.training_cost import training_cost
from tests.core.training_cases import SIZE, make_config


def dataset(path: Path, labels: Sequence[int], held_out: Sequence[int] = ()) -> SliceDataset:
    settings = {"size": SIZE, "extent_mm": 200.0, "rows": "P", "columns": "L"}
    with SliceDataset.create(path, modalities=["flair"], preprocessing=settings) as out:
        for split, values in (("train", labels), ("val", held_out)):
            images = np.zeros((len(values), 1, SIZE, SIZE))
            out.append(images, np.array(values, dtype=int), subject=split, split=split)
    return SliceDataset.open(path)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 0, 0], "3 healthy slices alone"),
        ([1, 1], "2 unhealthy slices alone"),
        ([-1, -1], "2 unlabelled slices alone"),
        ([1, -1], "1 unhealthy and 1 unlabelled slices alone"),
    ],
)
def test_one_class_is_refused_and_with_trained_weights_warned_of(
    tmp_path: Path, labels: list[int], words: str
) -> None:
    slices = dataset(tmp_path / "d.zarr", labels)
    config = make_config(unhealthy_fraction=None)
    for start in (lambda: train(config, slices, tmp_path / "run"),
                  lambda: training_cost(config, slices, tmp_path / "run")):  # fmt: skip
        with pytest.raises(TrainingError, match=words):
            start()
    assert not (tmp_path / "run").exists()
    (doubt,) = check_classes(slices, begins=False)
    assert words in doubt


def test_doubts_are_told_before_the_run(tmp_path: Path) -> None:
    assert not check_classes(dataset(tmp_path / "both.zarr", [0, 1], [0, 1]))
    (unlabelled,) = check_classes(dataset(tmp_path / "a.zarr", [0, -1]))
    assert "no slice that is labelled unhealthy (1 healthy and 1 unlabelled slices)" in unlabelled
    (held_out,) = check_classes(dataset(tmp_path / "b.zarr", [0, 1], [0, 0]))
    assert "The split val" in held_out
    assert "2 healthy slices alone" in held_out
