"""Time a training step and a forward pass of candidate U-Nets on this machine's CPU.

Run ``python benchmarks/unet_speed.py [--steps 4] [--threads 2] [NAME ...]``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import torch

from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig

BATCH = 24


def candidate(size: int, base: int, multipliers: tuple[int, ...], **kwargs: object) -> UNetConfig:
    """Return a one-channel configuration with the lighter conditioning, without dropout."""
    fields = {
        "image_size": size,
        "in_channels": 1,
        "base_channels": base,
        "channel_multipliers": multipliers,
        "dropout": 0.0,
        "attention_resolutions": (16, 8),
    }
    return UNetConfig.model_validate(fields | kwargs)


CANDIDATES = {
    "first-try-64": candidate(64, 16, (1, 2, 3, 4), blocks_per_level=(1, 1, 1, 2)),
    "p1-16": candidate(128, 16, (1, 1, 2, 4, 6), blocks_per_level=(1, 1, 1, 2, 2)),
    "p2-16": candidate(128, 16, (1, 3, 6, 8), blocks_per_level=(1, 1, 2, 2), patch_size=2),
    "p2-24": candidate(128, 24, (1, 2, 4, 6), blocks_per_level=(1, 2, 2, 2), patch_size=2),
    "p2-32": candidate(128, 32, (1, 2, 3, 4), blocks_per_level=(1, 1, 2, 2), patch_size=2),
    "p2-32-wide": candidate(128, 32, (1, 2, 4, 6), blocks_per_level=(1, 2, 2, 2), patch_size=2),
    "p2-32-5": candidate(128, 32, (1, 1, 2, 3, 4), blocks_per_level=(1, 1, 2, 2, 2), patch_size=2),
    "p2-32-lean": candidate(
        128, 32, (1, 1, 2, 4, 4), blocks_per_level=(1, 1, 1, 2, 1), patch_size=2
    ),
    "p4-64": candidate(128, 64, (1, 2, 3), blocks_per_level=2, patch_size=4),
    "p4-64-lean": candidate(128, 64, (1, 2, 2), blocks_per_level=(1, 1, 2), patch_size=4),
}


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the fastest of `repeats` calls after one to warm up: other jobs only ever add time."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(config: UNetConfig, bfloat16: bool, repeats: int) -> tuple[float, float]:
    """Return seconds a training step at batch 24, and forward seconds a slice."""
    torch.manual_seed(0)
    network = UNet(config)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, foreach=True)
    x = torch.randn(BATCH, 1, config.image_size, config.image_size)
    index, label = torch.randint(0, 1000, (BATCH,)), torch.randint(0, 3, (BATCH,))
    target = torch.randn_like(x)

    def autocast() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            loss = (network(x, index, label).float() - target).square().mean()
        loss.backward()
        optimizer.step()

    def forward() -> None:
        with torch.inference_mode(), autocast():
            network(x, index, label)

    train_seconds = seconds(step, repeats)
    network.eval()
    return train_seconds, seconds(forward, repeats) / BATCH


def main(arguments: list[str]) -> None:
    """Print one line a candidate and precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("float32", "bfloat16", "both"), default="both")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    precisions = {"float32": [False], "bfloat16": [True], "both": [False, True]}
    print(f"{'network':14} {'M params':>8} {'precision':9} {'s/step':>7} {'forward ms/slice':>16}")
    for name in options.names:
        config = CANDIDATES[name]
        size = sum(p.numel() for p in UNet(config).parameters()) / 1e6
        for bfloat16 in precisions[options.precision]:
            step, forward = measure(config, bfloat16, options.steps)
            kind = "bfloat16" if bfloat16 else "float32"
            print(f"{name:14} {size:8.2f} {kind:9} {step:7.3f} {forward * 1e3:16.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
