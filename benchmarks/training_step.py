"""Time a training step of a configuration on the device present, and compare it with its peak.

Run ``python benchmarks/training_step.py [CONFIG.toml] [--compile] [--batch-size 64] [--json]``;
without a configuration it takes the published one. The step is the program's own: loading and
augmenting the batch, noising, forward and backward passes, clipping, AdamW, moving average. TFLOP/s
counts the convolutions and matrix products of the network's passes alone; the peak is that of a
large matrix product in the same precision, measured here. Slices are random numbers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from anofpdm.common.device import resolve_device
from anofpdm.datasets import SliceDataset
from anofpdm.model.unet import UNet
from anofpdm.training.config import TrainingConfig
from anofpdm.training.step.trainer import Trainer


def random_slices(folder: Path, config: TrainingConfig) -> SliceDataset:
    """Return a dataset of two batches of random slices, with twins where they are trained on."""
    shape = (config.network.in_channels, config.network.image_size, config.network.image_size)
    count = max(16, 2 * config.batch_size)
    images = np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype(np.float32)
    names = [f"m{channel}" for channel in range(shape[0])]
    with SliceDataset.create(folder / "slices.zarr", modalities=names) as writer:
        labels, ids = np.arange(count) % 2, np.arange(count)
        writer.append(images, labels, subject="a", split="train", slice_ids=ids)
        if config.twins:
            sick = labels == 1
            writer.append(
                -images[sick],
                np.zeros(sick.sum()),
                subject="a-twin",
                twin_of="a",
                split="train",
                slice_ids=ids[sick],
            )
    return SliceDataset.open(folder / "slices.zarr")


def step_flops(config: TrainingConfig) -> int:
    """Count the floating-point operations of one batch's forward and backward pass."""
    with torch.device("meta"):
        network = UNet(config.network)
        size = config.network.image_size
        x = torch.empty(config.batch_size, config.network.in_channels, size, size)
        index = torch.empty(config.batch_size, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        network(x, index, index).square().mean().backward()
    return int(counter.get_total_flops())


def timed(work: Callable[[], object], device: torch.device, repeats: int) -> list[float]:
    """Return the seconds of each of `repeats` calls."""
    seconds = []
    for _ in range(repeats):
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return seconds


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_tflops(device: torch.device, bfloat16: bool) -> float:
    """Measure the best TFLOP/s of a large square matrix product."""
    size = 8192 if device.type == "cuda" else 1536
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    timed(lambda: left @ right, device, 2)
    return 2 * size**3 / min(timed(lambda: left @ right, device, 8)) / 1e12


def measure(config: TrainingConfig, device: torch.device, repeats: int) -> dict[str, Any]:
    """Measure the step of a configuration."""
    bfloat16 = config.precision == "bfloat16"
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        selection = random_slices(Path(folder), config).select("train")
        trainer = Trainer(config, UNet(config.network), selection, device)
        numbers = iter(range(10**9))
        # The first step compiles, the second settles the caches.
        first = timed(lambda: trainer.step(next(numbers), config.lr), device, 2)[0]
        seconds = timed(lambda: trainer.step(next(numbers), config.lr), device, repeats)
    step, flops, peak = (
        statistics.median(seconds),
        step_flops(config),
        peak_tflops(device, bfloat16),
    )
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device)
        if cuda
        else f"cpu, {torch.get_num_threads()} thread(s)",
        "torch": str(torch.__version__),
        "precision": config.precision,
        "compiled": config.compile,
        "batch_size": config.batch_size,
        "accumulation": config.accumulation,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "first_step_seconds": first,
        "step_seconds": step,
        "slowest_step_seconds": max(seconds),
        "slices_per_second": config.batch_size / step,
        "tflop_per_step": flops / 1e12,
        "tflops": flops / step / 1e12,
        "peak_tflops": peak,
        "share_of_peak": flops / step / 1e12 / peak,
        "memory_gib": torch.cuda.max_memory_allocated(device) / 2**30 if cuda else None,
        "hours_for_all_steps": config.steps * step / 3600,
    }


def main(arguments: list[str]) -> None:
    """Print the measurements, as lines or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--accumulation", type=int)
    parser.add_argument("--precision", choices=("float32", "bfloat16"))
    parser.add_argument("--compile", action="store_true", default=None)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", action="store_true")
    options = vars(parser.parse_args(arguments))
    names = ("batch_size", "accumulation", "precision", "compile")
    changes = {name: options[name] for name in names if options[name] is not None}
    path = options["config"]
    config = (
        TrainingConfig(**changes) if path is None else TrainingConfig.from_toml(path, **changes)
    )
    if options["threads"] is not None:
        torch.set_num_threads(options["threads"])
    found = measure(config, torch.device(resolve_device(options["device"])), options["repeats"])
    if options["json"]:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:22} {f'{value:.4g}' if isinstance(value, float) else value}")


if __name__ == "__main__":
    main(sys.argv[1:])
