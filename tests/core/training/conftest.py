"""The dataset and the undisturbed run that the tests of training share."""

from __future__ import annotations

import pytest

from anofpdm.datasets import SliceDataset
from anofpdm.training import TrainingResult, train
from tests.core.training_cases import make_config, make_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SliceDataset:
    return make_dataset(tmp_path_factory.mktemp("data") / "d.zarr")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, dataset: SliceDataset) -> TrainingResult:
    """All eight steps of `make_config()`; who changes its folder takes a copy."""
    return train(make_config(), dataset, tmp_path_factory.mktemp("whole") / "run")
