"""Peak memory of the streamed method at 60 and 600 steps, and evaluations per slice and step.

Run ``python benchmarks/stream_memory.py``. Every measurement is a process of its own, whose
high-water mark counts all its memory, torch's included; the predictor is a formula, so that the
method's memory is not hidden behind a network's.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys

import numpy as np
import torch
from torch import Tensor

from anofpdm.method.forward_process import forward_process
from anofpdm.method.interpretation import interpret_stream
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps
from anofpdm.method.settings import Settings

GUIDANCES = (1.0, 2.0, 5.0, 10.0)


class CountingPredictor:
    """The exact noise of standard normal data, a little less for the healthy label."""

    def __init__(self, schedule: NoiseSchedule) -> None:
        self.schedule = schedule
        self.evaluations = 0

    def __call__(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        """Return the noise, counting the slices asked for."""
        self.evaluations += len(x)
        weight = math.sqrt(1.0 - self.schedule.alpha_bar(int(index[0]) + 1))
        return weight * x * (1.0 - 0.1 * (label == 0).to(x))[:, None, None, None]


def megabytes() -> float:
    """Return the high-water mark of this process in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def work(steps: int, slices: int, size: int) -> None:
    """Stream one batch and print evaluations per slice and step, and the peak in MB."""
    torch.set_num_threads(1)
    schedule = NoiseSchedule()
    predictor = CountingPredictor(schedule)
    timesteps = strided_timesteps(steps, 600)
    x0 = torch.rand(slices, 1, size, size) * 2 - 1
    settings = [Settings(guidance=w) for w in GUIDANCES]
    before = megabytes()
    walk = forward_process(x0, predictor, schedule, timesteps, slice_ids=range(slices))
    interpret_stream(
        walk,
        x0,
        np.ones((slices, size, size), dtype=bool),
        schedule,
        timesteps,
        settings,
        slice_ids=range(slices),
        modalities=["flair"],
    )
    per_step = predictor.evaluations / slices / len(timesteps)
    print(len(timesteps), per_step, round(before, 1), round(megabytes(), 1))


def main(arguments: list[str]) -> None:
    """Measure both lengths in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=32)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.only:
        work(options.only, options.slices, options.size)
        return
    kept = 2 * options.slices * options.size**2 * 4 / 1e6
    print(f"{options.slices} slices of {options.size}x{options.size}, {len(GUIDANCES)} guidances")
    print(
        f"{'steps':>6} {'evaluations':>12} {'before, MB':>11} {'peak, MB':>9} {'if kept, MB':>12}"
    )
    for steps in (60, 600):
        command = [sys.executable, __file__, "--only", str(steps)]
        command += ["--slices", str(options.slices), "--size", str(options.size)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        length, per_step, before, peak = result.stdout.split()
        print(f"{length:>6} {per_step:>12} {before:>11} {peak:>9} {kept * int(length):>12.0f}")


if __name__ == "__main__":
    main(sys.argv[1:])
