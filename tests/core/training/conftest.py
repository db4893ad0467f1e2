"""The dataset that the tests of training share."""

from __future__ import annotations

import pytest

from anofpdm.datasets import SliceDataset
from tests.core.training_cases import make_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SliceDataset:
    return make_dataset(tmp_path_factory.mktemp("data") / "d.zarr")
