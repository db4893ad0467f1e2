"""Small datasets and runs for the tests of training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anofpdm.datasets import SliceDataset
from anofpdm.training import TrainingConfig, TrainingProgress
from anofpdm.training.run.checkpoint_state import Checkpoint
from anofpdm.training.run.checkpoints import load_checkpoint

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
        "accuracy_slices": 0,
        "samples": 0,
    }
    return TrainingConfig.model_validate({**values, **changes})


def write_toml(path: Path, config: TrainingConfig) -> Path:
    values = config.model_dump(mode="json", exclude={"schedule"})
    tables = {name: values.pop(name) for name in ("network", "augmentation", "bundle")}

    def lines(table: dict[str, Any]) -> list[str]:
        return [f"{k} = {json.dumps(v)}" for k, v in table.items() if v is not None]

    parts = [line for name, table in tables.items() for line in (f"[{name}]", *lines(table))]
    path.write_text("\n".join([*lines(values), *parts]) + "\n")
    return path


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
