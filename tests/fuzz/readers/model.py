"""Bundles, checkpoints, and the configuration of a training run."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import torch
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel

from anofpdm.common.errors import BundleError
from anofpdm.method.settings import Settings
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.bundle_files import METADATA_FILE, WEIGHTS_FILE
from anofpdm.model.bundle_metadata import BundleMetadata
from anofpdm.model.checkpoint_import import import_checkpoint
from anofpdm.model.registry import (
    BUNDLES_VARIABLE,
    SETTINGS_VARIABLE,
    bundle_directories,
    list_bundles,
)
from anofpdm.model.unet import UNet
from anofpdm.results.settings_files import ModelIdentity, SettingsFile
from anofpdm.training.config import TrainingConfig
from anofpdm.training.run.checkpoint_state import Checkpoint, restore
from anofpdm.training.run.checkpoints import load_checkpoint, save_checkpoint
from anofpdm.training.run.export import export_bundle
from anofpdm.training.step.trainer import Trainer
from tests.core.model_cases import reference_config
from tests.fuzz.harness import Reader

_NETWORK = {
    "image_size": 8,
    "in_channels": 1,
    "base_channels": 8,
    "channel_multipliers": [1, 2],
    "blocks_per_level": 1,
    "attention_resolutions": [4],
    "heads": 1,
}
_CONFIG = {
    "network": _NETWORK,
    "schedule": {"num_steps": 1000, "beta_start": 1e-4, "beta_end": 0.02},
    "steps": 8,
    "batch_size": 4,
    "lr": 2e-3,
    "betas": [0.9, 0.999],
    "grad_clip": 1.0,
    "unhealthy_fraction": 0.5,
    "augmentation": {"flip": True, "gamma": 0.2, "bias": 0.1, "rotation": 5},
    "bundle": {"name": "tiny", "licence": "none"},
}
_REFERENCE = reference_config(
    channel_multipliers=(1,), attention_resolutions=(), heads=1, image_size=8
)
_PREPROCESSING = {"size": 8, "field_of_view": "stretch"}


def tiny_bundle() -> ModelBundle:
    metadata = BundleMetadata.model_validate(
        {
            "name": "tiny",
            "version": "1",
            "description": "Random weights.",
            "network": _NETWORK,
            "schedule": _CONFIG["schedule"],
            "modalities": ["flair"],
            "scored": ["flair"],
            "preprocessing": _PREPROCESSING,
            "max_timestep": 800,
            "calibration": {
                "guidance": 2.0,
                "cosine_threshold": 0.9,
                "max_divergence": [0.1],
                "process": "ddim",
                "steps": 5,
                "t_max": 600,
                "quantile_range": {"brain": [0.8, 0.95]},
                "region": "brain",
                "source": "nothing",
            },
            "training": {"step": 3, "loss": 0.5},
        }
    )
    return ModelBundle.create(metadata, UNet(metadata.network).state_dict(), "float16")


def _make_bundle(folder: Path) -> Path:
    path = folder / "tiny"
    tiny_bundle().save(path)
    (path / "README.md").write_text("A model.\n")
    return path


def _make_zip(folder: Path) -> Path:
    path = folder / "tiny.anofpdm.zip"
    tiny_bundle().save(path)
    return path


def _read_bundle(path: Path) -> None:
    bundle = load_bundle(path)
    _evaluate(bundle)


def _evaluate(bundle: ModelBundle) -> None:
    """Compute once where the network is as small as the one that was written."""
    network = bundle.network()
    config = bundle.metadata.network
    if config.image_size <= 64:
        x = torch.zeros(1, config.in_channels, config.image_size, config.image_size)
        network(x, torch.tensor([0]), torch.tensor([1]))


def _repair_bundle(path: Path) -> None:
    """Give metadata.json the hash of the weights that are there."""
    digest = hashlib.sha256((path / WEIGHTS_FILE).read_bytes()).hexdigest()
    document = json.loads((path / METADATA_FILE).read_bytes())
    document["weights_sha256"] = digest
    (path / METADATA_FILE).write_text(json.dumps(document))


def _make_bundles(folder: Path) -> Path:
    for name in ("a", "b"):
        tiny_bundle().save(folder / "bundles" / name)
    return folder / "bundles" / "a"


def _list(path: Path) -> None:
    """The other bundle is listed whatever became of this one."""
    values = {
        BUNDLES_VARIABLE: str(path.parent),
        SETTINGS_VARIABLE: str(path.parent / "none.toml"),
    }
    with patch.dict(os.environ, values):
        entries = {entry.name: entry for entry in list_bundles()}
    assert entries["b"].metadata is not None and entries["b"].fault is None
    if "a" in entries and (fault := entries["a"].fault) is not None:
        raise BundleError(fault)


def _make_checkpoint(folder: Path) -> Path:
    config = TrainingConfig.model_validate(_CONFIG)
    network, ema, optimizer = _state(config)
    _step(network, optimizer)
    ema.update_parameters(network)
    state = Checkpoint(
        step=1,
        elapsed_seconds=1.0,
        loss=0.5,
        config=config.model_dump(mode="json"),
        dataset={
            "fingerprint": "0" * 64,
            "slices": {"train": 4},
            "subjects": 2,
            "provenance": {"source": "nothing"},
            "modalities": ["flair"],
            "scored": ["flair"],
            "preprocessing": _PREPROCESSING,
        },
        network=network.state_dict(),
        ema=ema.state_dict(),
        optimizer=optimizer.state_dict(),
    )
    return save_checkpoint(folder / "run", state, keep=1)


def _state(config: TrainingConfig) -> tuple[UNet, AveragedModel, AdamW]:
    torch.manual_seed(0)
    network = UNet(config.network)
    return network, AveragedModel(network), AdamW(network.parameters(), lr=1e-3, fused=True)


def _step(network: UNet, optimizer: AdamW) -> None:
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def _export(path: Path) -> None:
    state = load_checkpoint(path)
    network, ema, optimizer = _state(TrainingConfig.model_validate(state.config))
    trainer = cast(Trainer, SimpleNamespace(network=network, ema=ema, optimizer=optimizer))
    restore(trainer, state)
    _step(network, optimizer)
    _evaluate(
        export_bundle(path.parents[1], path.parent / "bundle", checkpoint=path, overwrite=True)
    )


def _make_reference(folder: Path) -> Path:
    path = folder / "ema_0.9999_210000.pt"
    torch.manual_seed(0)
    content = {"state_dict": UNet(_REFERENCE).state_dict(), "step": 3}
    torch.save(content, path)
    return path


def _make_legacy(folder: Path) -> Path:
    path = folder / "old.pt"
    torch.manual_seed(0)
    torch.save(UNet(_REFERENCE).state_dict(), path, _use_new_zipfile_serialization=False)
    return path


def _import(path: Path) -> None:
    _evaluate(
        import_checkpoint(
            path, modalities=("flair", "t1"), scored=("flair",), heads=1, image_size=8
        )
    )


def _make_toml(folder: Path) -> Path:
    values: dict[str, Any] = {**_CONFIG, "phantoms": {}}
    tables = {name: values.pop(name) for name, value in _CONFIG.items() if isinstance(value, dict)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if value != {}]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    path = folder / "run.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def _make_settings(folder: Path) -> Path:
    identity = ModelIdentity(name="tiny", version="1", hash="0" * 64)
    path = folder / "settings.json"
    SettingsFile(model=identity, settings=Settings()).write(path)
    return path


def _make_user_settings(folder: Path) -> Path:
    path = folder / "settings.toml"
    path.write_text('bundle_dirs = ["bundles", "~/more"]\n')
    return path


def _read_user_settings(path: Path) -> None:
    with patch.dict(os.environ, {SETTINGS_VARIABLE: str(path), BUNDLES_VARIABLE: ""}):
        list_bundles()
        assert bundle_directories()


READERS = (
    Reader("bundle", _make_bundle, _read_bundle, _repair_bundle),
    Reader("bundle-zip", _make_zip, _read_bundle),
    Reader("bundle-list", _make_bundles, _list),
    Reader("checkpoint", _make_checkpoint, _export),
    Reader("imported-checkpoint", _make_reference, _import),
    Reader("imported-legacy", _make_legacy, _import),
    Reader("training-toml", _make_toml, TrainingConfig.from_toml),
    Reader("settings-file", _make_settings, SettingsFile.read),
    Reader("user-settings", _make_user_settings, _read_user_settings),
)
