"""Steps of training."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training_step import random_slices, step_flops

from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from anofpdm.training.config import TrainingConfig
from anofpdm.training.step.trainer import Trainer
from gpu_parts.bench import Bench
from gpu_parts.ways import as_it_is, plain


def training(bench: Bench) -> None:
    """Time steps of training: the published configuration, and the small network."""
    for name, config, batch in (
        ("published", bench.published, 64 if bench.cuda else 4),
        ("small", bench.small, 128 if bench.cuda else 4),
    ):
        for way_name, way in (("plain", plain), ("fused norm", as_it_is)):
            train_one(bench, f"{name}, {way_name}", config, batch, way)


def train_one(
    bench: Bench, name: str, network: UNetConfig, batch: int, way: Callable[[], Any]
) -> None:
    """Time a step of training."""
    config = TrainingConfig(network=network, batch_size=batch, precision="bfloat16", twins=False)
    flops = step_flops(config)
    bench.reset_memory()
    with tempfile.TemporaryDirectory() as folder, way():
        selection = random_slices(Path(folder), config).select("train")
        trainer = Trainer(config, UNet(network), selection, bench.device)
        numbers = iter(range(10**9))
        # Steps in a row, as in training: the host runs ahead of the device.
        row = 4 if bench.cuda else 2

        def steps() -> None:
            for _ in range(row):
                trainer.step(next(numbers), config.lr)

        seconds = bench.time(steps, repeats=2, warm=1) / row
        trainer.close()
    peak, tflops = bench.peak(), flops / seconds / 1e12
    bench.row(
        "training", name, batch=batch, step_seconds=seconds, slices_per_second=batch / seconds,
        tflops=tflops, share_of_peak=tflops / peak if peak else None, memory_gib=bench.memory(),
    )  # fmt: skip
