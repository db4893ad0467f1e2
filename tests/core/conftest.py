"""A bundle small enough to build in every test; a command line that is built once."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

import pytest
import torch
import typer.testing
from typer.main import get_command

from anofpdm.method.calibration import Calibration
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.model.bundle import ModelBundle
from anofpdm.model.bundle_metadata import BundleMetadata
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from anofpdm.scans.preprocessing_config import PreprocessingConfig


@pytest.fixture(scope="session", autouse=True)
def commands_built_once() -> Iterator[None]:
    """Each call of a command builds all commands with their options; it takes a tenth second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", functools.cache(get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def nobody_waits_for_the_disk() -> Iterator[None]:
    """Tests kill processes and fill disks, but cut no power: nothing need reach the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def tiny_metadata() -> BundleMetadata:
    """Two modalities, one of them scored; not calibrated; no weights yet."""
    return BundleMetadata(
        name="tiny",
        version="0.1",
        description="A network of random weights for tests.",
        network=UNetConfig(
            image_size=8,
            in_channels=2,
            base_channels=8,
            channel_multipliers=(1, 2),
            blocks_per_level=1,
            attention_resolutions=(4,),
            heads=1,
            dropout=0.1,
        ),
        schedule=NoiseSchedule(),
        modalities=("flair", "t1"),
        scored=("flair",),
        preprocessing=PreprocessingConfig(size=8, field_of_view="stretch"),
    )


@pytest.fixture(scope="session")
def tiny_bundle(tiny_metadata: BundleMetadata) -> ModelBundle:
    """The bundle of `tiny_metadata` with seeded random weights in every layer."""
    network = UNet(tiny_metadata.network)
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: 0.1 * torch.randn(weight.shape, generator=generator)
        for name, weight in network.state_dict().items()
    }
    return ModelBundle.create(tiny_metadata, weights)


@pytest.fixture
def tiny_calibration() -> Calibration:
    """A calibration that fits the tiny bundle."""
    return Calibration(
        guidance=2.0,
        cosine_threshold=0.9,
        max_divergence=(0.1,),
        process="ddim",
        steps=5,
        t_max=600,
        quantile_range={"brain": (0.8, 0.95)},
        region="brain",
        source="nothing; numbers for tests",
    )
