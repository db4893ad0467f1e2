"""Slices drawn while training: a pure function of the seeds, whoever draws them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anofpdm.common.errors import TrainingError
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.synthetic.dataset import build_phantom_dataset
from anofpdm.training.data.pairs import Slices
from anofpdm.training.data.phantom_config import PhantomDraws
from anofpdm.training.data.phantom_pool import PhantomPool

CPU = torch.device("cpu")
# Either subject alone has healthy and unhealthy slices.
DRAWS = PhantomDraws(first=5, end=7, subjects=1, steps=2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SliceDataset:
    path = tmp_path_factory.mktemp("phantoms") / "d.zarr"
    build_phantom_dataset(
        path,
        [0],
        PreprocessingConfig(size=32, extent_mm=208.0),
        twins=True,
        workers=1,
        lesion_mm2=40.0,
    )
    return SliceDataset.open(path)


def make_pool(dataset: SliceDataset, workers: int = 0) -> PhantomPool:
    return PhantomPool(
        DRAWS,
        dataset,
        slice(None),
        CPU,
        twins=True,
        seed=3,
        workers=workers,
        batch_size=8,
        unhealthy_fraction=0.25,
        faintest_lesion=0.5,
    )


@pytest.fixture(scope="module")
def walked(dataset: SliceDataset) -> tuple[Slices, ...]:
    """The batches of steps 0 to 2, made one after the other; the last has another subject."""
    pool = make_pool(dataset)
    return tuple(pool.batch(step) for step in range(3))


@pytest.mark.nightly
def test_a_step_depends_on_the_seeds_alone(dataset: SliceDataset, walked: Any) -> None:
    first, _, last = walked
    jumped, helped = make_pool(dataset), make_pool(dataset, workers=2)
    try:
        for other in (jumped, helped):
            images, labels, *_ = other.batch(2)
            assert torch.equal(images, last[0])
            assert torch.equal(labels, last[1])
    finally:
        helped.close()
    assert first[0].shape == (8, 1, 32, 32)
    assert first[0].dtype == torch.float32
    assert not torch.equal(first[0], last[0])


def test_a_batch_ends_with_the_twins_of_its_unhealthy_slices(walked: Any) -> None:
    images, labels, *_ = walked[1]
    assert labels.tolist()[:2] == [1, 1]
    assert labels.tolist()[-2:] == [0, 0]
    for sick, twin in ((0, -2), (1, -1)):
        apart = (images[sick] - images[twin]).abs().numpy()
        assert apart.max() > 0.02
        assert np.median(apart) < 1e-3


def test_only_a_dataset_of_phantoms_says_how_to_draw(tmp_path: Path, dataset: SliceDataset) -> None:
    writer = SliceDataset.create(
        tmp_path / "other.zarr", modalities=["flair"], preprocessing=dataset.preprocessing
    )
    with writer:
        writer.append(
            np.zeros((1, 1, 32, 32), dtype=np.float32),
            np.zeros(1),
            subject="s",
            split="train",
            slice_ids=np.zeros(1, dtype=np.int64),
            foreground=np.ones((1, 32, 32), dtype=bool),
        )
    with pytest.raises(TrainingError, match=r"other\.zarr does not hold phantoms"):
        make_pool(SliceDataset.open(tmp_path / "other.zarr"))
