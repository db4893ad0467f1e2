"""Slices a second that the loader gives, against those that the network takes.

Run ``python benchmarks/loader_rate.py [--dataset DIR.zarr] [--config CONFIG.toml] [--cold]``.
Without a dataset, one of random slices of the network's shape is made in a temporary folder;
without a configuration, the network is the published one (docs/method.md#2-network-and-training).
``--cold`` drops the dataset from the system's file cache first, so that the disk is measured, not
memory.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from anofpdm.datasets import SliceDataset
from anofpdm.model.unet import UNet
from anofpdm.training.config import TrainingConfig
from anofpdm.training.data.batches import Batches
from anofpdm.training.data.data_order import DataOrder
from anofpdm.training.step.trainer import Trainer


def random_dataset(path: Path, config: TrainingConfig, slices: int) -> SliceDataset:
    """Write random slices, half of them unhealthy: what they show does not matter here."""
    network, generator = config.network, np.random.default_rng(0)
    names = [f"modality{number}" for number in range(network.in_channels)]
    shape = (64, network.in_channels, network.image_size, network.image_size)
    with SliceDataset.create(path, modalities=names) as out:
        for number in range(-(-slices // 64)):
            images = generator.uniform(-1, 1, shape).astype(np.float16)
            out.append(images, np.arange(64) % 2, subject=f"s{number}", split="train")
    return SliceDataset.open(path)


def forget(path: Path) -> None:
    """Drop the files of a folder from the system's cache."""
    for file in path.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def loader_rate(
    dataset: SliceDataset, config: TrainingConfig, device: torch.device, steps: int
) -> tuple[float, float]:
    """Slices a second, and slices a second of CPU time, from the dataset onto the device."""
    selection = dataset.select("train")
    order = DataOrder(selection.labels, config.batch_size, config.seed)
    batches = Batches(selection, order, slice(0, config.batch_size), device)
    start, spent = time.perf_counter(), time.process_time()
    for step in range(steps):
        images = batches.batch(step).images
    float(images.sum())  # waits for the device
    seconds, spent = time.perf_counter() - start, time.process_time() - spent
    batches.close()
    return steps * config.batch_size / seconds, steps * config.batch_size / spent


def appetite(
    dataset: SliceDataset, config: TrainingConfig, device: torch.device, steps: int
) -> float:
    """Slices a second that training takes, after two steps to warm up."""
    torch.manual_seed(0)
    trainer = Trainer(config, UNet(config.network), dataset.select("train"), device)
    for step in range(2):
        measured = trainer.step(step, config.lr)
    measured.tolist()  # waits for the device
    start = time.perf_counter()
    for step in range(2, 2 + steps):
        measured = trainer.step(step, config.lr)
    measured.tolist()
    return steps * config.batch_size / (time.perf_counter() - start)


def main(arguments: list[str]) -> None:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--slices", type=int, default=4096, help="of a random dataset")
    parser.add_argument("--batch-size", type=int, help="instead of the configuration's")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, default=10, help="training steps to time")
    parser.add_argument("--loader-steps", type=int, default=100)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args(arguments)
    overrides = {"precision": options.precision, "compile": options.compile}
    if options.config is None:
        overrides["network"] = TrainingConfig().network.model_copy(update={"in_channels": 4})
    if options.batch_size:
        overrides["batch_size"] = options.batch_size
    read = TrainingConfig if options.config is None else TrainingConfig.from_toml
    config = read(*filter(None, [options.config]), **overrides)
    device = torch.device(options.device)
    with tempfile.TemporaryDirectory() as folder:
        dataset = (
            SliceDataset.open(options.dataset)
            if options.dataset
            else random_dataset(Path(folder) / "d.zarr", config, options.slices)
        )
        if options.cold:
            forget(dataset.path)
        given, thrifty = loader_rate(dataset, config, device, options.loader_steps)
        print(f"loader {given:.0f} slices/s{' (cold)' if options.cold else ''}", end=", ")
        print(f"{thrifty:.0f} a second of CPU time", flush=True)
        taken = appetite(dataset, config, device, options.steps)
    print(f"training {taken:.3g} slices/s on {device}, {config.precision}")
    print(f"the loader gives {given / taken:.3g} times what training takes")


if __name__ == "__main__":
    main(sys.argv[1:])
