"""Time to interpret one stored slice again: the latency of a slider.

Run ``python benchmarks/interpretation_latency.py [--steps 100] [--size 128] [--modalities 1]``.
The steps lie in memory as float16; median filter and components are included. Each line holds
the median over repeats on one core, by the clock and in processor time (which a busy machine
leaves alone), in ms; the aim is under 50 ms at the defaults.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from anofpdm.method.interpretation import interpret
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps
from anofpdm.method.settings import (
    AbsoluteThreshold,
    DynamicQuantile,
    ManualQuantile,
    Settings,
)


@dataclass
class OneSlice:
    """The part of an `Analysis` that `interpret` reads, for a single slice."""

    x0: NDArray[np.float32]
    foreground: NDArray[np.bool_]
    x0_null: NDArray[np.float16]
    eps_gap: NDArray[np.float16]
    timesteps: tuple[int, ...]
    scored: tuple[str, ...]
    clip: bool = True
    schedule: NoiseSchedule = field(default_factory=NoiseSchedule)

    @property
    def slice_ids(self) -> NDArray[np.int64]:
        """One slice."""
        return np.array([0])

    def steps_of(self, slice_position: int) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
        """Return x0_null and eps_gap, each (K, C, H, W)."""
        del slice_position
        return self.x0_null, self.eps_gap


def one_slice(steps: int, size: int, modalities: int) -> OneSlice:
    """Return a brain-like disc with a bright blob, and steps that err on the blob."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    brain = rows**2 + columns**2 < 0.16
    blob = (rows - 0.1) ** 2 + (columns + 0.1) ** 2 < 0.005
    x0 = np.where(brain, -0.2 + 0.8 * blob, -1.0).astype(np.float32)
    x0 = np.broadcast_to(x0, (1, modalities, size, size)).copy()
    timesteps = strided_timesteps(steps, 600)
    shape = (len(timesteps), modalities, size, size)
    x0_null = x0 + 0.1 * rng.standard_normal(shape)
    eps_gap = 0.2 * blob + 0.02 * rng.standard_normal(shape)
    return OneSlice(
        x0,
        brain[None],
        x0_null.astype(np.float16),
        eps_gap.astype(np.float16),
        timesteps,
        tuple(f"m{index}" for index in range(modalities)),
    )


def main(arguments: list[str]) -> None:
    """Print one line per kind of settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--modalities", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    analysis = one_slice(options.steps, options.size, options.modalities)
    largest = (0.05,) * options.modalities
    kinds = {
        "dynamic quantile": Settings(threshold=DynamicQuantile(), max_divergence=largest),
        "brain quantile": Settings(threshold=ManualQuantile(region="brain")),
        "absolute": Settings(threshold=AbsoluteThreshold(value=0.1)),
        "weighted gradient": Settings(sam="weighted_gradient"),
        "sam at the end step": Settings(sam="sam_at_end"),
    }
    for name, settings in kinds.items():
        clock, processor = [], []
        for _ in range(options.repeats + 1):
            start, busy = time.perf_counter(), time.process_time()
            interpret(analysis, settings)  # type: ignore[arg-type]
            clock.append(1e3 * (time.perf_counter() - start))
            processor.append(1e3 * (time.process_time() - busy))
        by_clock, by_processor = statistics.median(clock[1:]), statistics.median(processor[1:])
        print(f"{name:20} clock {by_clock:6.1f} ms   processor {by_processor:6.1f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
