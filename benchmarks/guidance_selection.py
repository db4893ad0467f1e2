"""One pass for n candidate guidances against n separate passes.

Run ``python benchmarks/guidance_selection.py [--candidates 10] [--size 64]``. The network has
random weights: only the time is of interest. The gain is about n where the network dominates.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from anofpdm.guidance.measurement import measure
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig


def network(size: int) -> UNet:
    """Return a small U-Net with random weights."""
    torch.manual_seed(0)
    return UNet(
        UNetConfig(
            image_size=size,
            in_channels=1,
            base_channels=32,
            channel_multipliers=(1, 2, 4),
            blocks_per_level=1,
            attention_resolutions=(size // 4,),
            dropout=0.0,
            conditioning="added",
        )
    ).eval()


def main(arguments: list[str]) -> None:
    """Print both durations and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args(arguments)
    x0 = torch.rand(options.slices, 1, options.size, options.size) * 2 - 1
    unet, schedule = network(options.size), NoiseSchedule()
    evaluations = 0

    def predictor(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        nonlocal evaluations
        evaluations += len(x)
        noise: Tensor = unet(x, index, label)
        return noise

    def run(candidates: Sequence[float]) -> tuple[np.ndarray, float, int]:
        nonlocal evaluations
        evaluations, start = 0, time.perf_counter()
        cosines = measure(
            [(x0, range(len(x0)))],
            predictor,
            schedule,
            strided_timesteps(options.steps, 600),
            candidates,
            channels=[0],
            process="ddim",
            clip=True,
            seed=0,
        ).cosines
        return cosines, time.perf_counter() - start, evaluations

    candidates = np.linspace(0.5, 30, options.candidates).tolist()
    run(candidates[:1])
    together, once, evaluations_once = run(candidates)
    separate = [run([candidate]) for candidate in candidates]
    several = sum(seconds for _, seconds, _ in separate)
    difference = max(
        float(np.abs(alone[0] - row).max())
        for (alone, _, _), row in zip(separate, together, strict=True)
    )
    print(
        f"one pass for {len(candidates)} candidates: {once:.2f} s, {evaluations_once} evaluations"
    )
    print(f"{len(candidates)} separate passes: {several:.2f} s, {sum(n for *_, n in separate)}")
    print(f"ratio {several / once:.1f}; largest difference of a cosine {difference:.1e}")


if __name__ == "__main__":
    main(sys.argv[1:])
