"""Cost estimate of a run, measured on a few of its steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from anofpdm.common.cost import (
    Cost,
    disk_problems,
    held_bytes,
    measured_range,
    memory_problems,
    peak_bytes,
)
from anofpdm.common.device import synchronize
from anofpdm.common.quantities import range_in_words
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.model.unet import UNet
from anofpdm.training.config import TrainingConfig
from anofpdm.training.monitor.accuracy import STEPS, balanced_slices
from anofpdm.training.run.checkpoints import latest_checkpoint, list_checkpoints, step_of
from anofpdm.training.run.classes import check_classes
from anofpdm.training.run.export import bundle_metadata
from anofpdm.training.run.needs import run_bytes, step_bytes
from anofpdm.training.run.start import (
    check_fit,
    check_place,
    first_network,
    flip_axis,
    training_slices,
)
from anofpdm.training.step.trainer import Trainer

_LONGEST_STEP = 30.0
_ENOUGH_SECONDS, _ENOUGH_STEPS = 5.0, 3
# With true and with null labels.
_HELD_OUT_PASSES = 2
_REMEDY = "increase accumulation, reduce batch_size, or use a smaller network"

Clock = Callable[[], float]


@dataclass(frozen=True)
class _StepSeconds:
    """Seconds of the first step, and of the fastest and the slowest after it."""

    first: float
    fastest: float
    slowest: float
    basis: str


def training_cost(
    config: TrainingConfig,
    dataset: SliceDataset,
    out_dir: str | Path,
    *,
    resume: bool = False,
    started: bool = False,
    device: str = "cpu",
    processes: int = 1,
    max_minutes: float | None = None,
    clock: Clock = time.perf_counter,
) -> Cost:
    """Find what `train` will take, by some of its steps; nothing is written.

    Where a step would not fit into the memory none is done; where it would last long, some slices
    of it stand for all.

    Parameters
    ----------
    config, dataset, out_dir, resume, device, max_minutes
        As of `train`.
    started : bool
        Whether the run begins with the weights of a bundle.
    processes : int
        Those that will share each batch, each on a GPU of its own or all on this CPU.
    clock : callable
        Seconds, monotonic.

    Raises
    ------
    AnofpdmError
        What `train` would refuse before its first step.
    """
    check_fit(config, dataset)
    doubts = []
    if config.phantoms is None:
        doubts = check_classes(dataset, begins=not (started or resume))
    bundle_metadata(config, dataset.description, {})
    run = Path(out_dir)
    check_place(run, resume=resume)
    share = math.ceil(config.batch_size / processes)
    memory = step_bytes(config, math.ceil(share / config.accumulation))
    if device == "cpu":
        # All processes have the one memory, and each a Python in it.
        memory = processes * (memory + peak_bytes())
    problems = [*doubts, *disk_shortage(config, run), *memory_problems(device, memory, _REMEDY)]
    done = step_of(latest_checkpoint(run)) if resume else 0
    pace = None
    if not memory_problems(device, memory, _REMEDY):
        try:
            pace = _pace(config, dataset, torch.device(device), share, clock)
        except torch.OutOfMemoryError:
            problems.append(f"{device} does not have enough memory for a step; {_REMEDY}.")
    if pace is not None and device.startswith("cuda"):
        memory = held_bytes(device)
    left = max(config.steps - done, 0)
    seconds = None if pace is None else _seconds(config, dataset, pace, left, max_minutes)
    shared = f", shared by {processes} processes" if processes > 1 else ""
    return Cost(
        work=f"{left:,} steps of {config.batch_size} slices{shared}",
        seconds=seconds,
        basis="no step was tried" if pace is None else pace.basis,
        memory_bytes=memory,
        device=device,
        disk_bytes=run_bytes(config),
        problems=tuple(problems),
    )


def disk_shortage(config: TrainingConfig, run: Path) -> list[str]:
    """Return a sentence where a run's disk has too little room for what it will write.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    run : Path
        Its folder; the checkpoints in it make room for others by and by.
    """
    there = sum(path.stat().st_size for path in list_checkpoints(run))
    return disk_problems(run, max(run_bytes(config) - there, 0))


def _pace(
    config: TrainingConfig, dataset: SliceDataset, device: torch.device, share: int, clock: Clock
) -> _StepSeconds:
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network = first_network(config, None).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        one = _slice_seconds(network, device, 1, config, clock)
        eager = config.model_copy(update={"compile": False})
        if share * one > _LONGEST_STEP:
            pace = _pace_of_some(network, device, share, one, config, clock)
        else:
            pace = _pace_of_steps(eager, network, dataset, device, share, clock)
        if not config.compile:
            return pace
        compiled = _pace_of_steps(config, network, dataset, device, share, clock)
        return replace(compiled, basis=f"{compiled.basis}; {_worth(compiled, pace)}")


def _worth(compiled: _StepSeconds, eager: _StepSeconds) -> str:
    """Say when the time for compiling is made up for."""
    spent, gained = compiled.first - compiled.fastest, eager.fastest - compiled.fastest
    took = f"compiling took {range_in_words(spent, spent).removeprefix('about ')}"
    if gained <= 0:
        return f"{took} and no step became faster: set compile = false"
    return f"{took}, made up for after {math.ceil(max(spent, 0) / gained):,} steps"


def _pace_of_some(
    network: UNet,
    device: torch.device,
    share: int,
    one: float,
    config: TrainingConfig,
    clock: Clock,
) -> _StepSeconds:
    """Take a few slices of a step for all of them."""
    some = max(1, min(share, int(_LONGEST_STEP / one)))
    several = _slice_seconds(network, device, some, config, clock)
    paces = sorted(share * seconds for seconds in (one, several))
    basis = f"measured on {some} of the {share} slices of a step"
    return _StepSeconds(paces[0], paces[0], paces[1], basis)


def _slice_seconds(
    network: UNet, device: torch.device, slices: int, config: TrainingConfig, clock: Clock
) -> float:
    """Seconds a slice that the network's two passes take, the second time."""
    size, channels = config.network.image_size, config.network.in_channels
    x = torch.zeros(slices, channels, size, size, device=device)
    index = torch.zeros(slices, dtype=torch.int64, device=device)
    bfloat16 = config.precision == "bfloat16"
    seconds = 0.0
    for _ in range(2 if slices == 1 else 1):
        started = clock()
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            predicted = network(x, index, index)
        predicted.float().square().mean().backward()
        synchronize(str(device))
        seconds = (clock() - started) / slices
    network.zero_grad(set_to_none=True)
    return seconds


def _pace_of_steps(
    config: TrainingConfig,
    network: UNet,
    dataset: SliceDataset,
    device: torch.device,
    share: int,
    clock: Clock,
) -> _StepSeconds:
    """Do whole steps; the first is timed separately, because it includes compilation."""
    own = config.model_copy(update={"batch_size": share})
    selection = training_slices(config, dataset)
    trainer = Trainer(own, network, selection, device, flip_axis(dataset))
    try:
        seconds: list[float] = []
        while len(seconds) <= 1 or (
            len(seconds) <= _ENOUGH_STEPS and sum(seconds) < _ENOUGH_SECONDS
        ):
            started = clock()
            trainer.step(len(seconds), config.lr)
            synchronize(str(device))
            seconds.append(clock() - started)
    finally:
        trainer.close()
    first, *others = seconds
    words = "one step" if len(others) == 1 else f"{len(others)} steps"
    return _StepSeconds(first, min(others), max(others), f"measured on {words}")


def _seconds(
    config: TrainingConfig,
    dataset: SliceDataset,
    pace: _StepSeconds,
    steps: int,
    max_minutes: float | None,
) -> tuple[float, float]:
    """Lower and upper estimate of the seconds for a number of steps, with held-out evaluation."""
    warm_up = max(pace.first - pace.fastest, 0)
    least = warm_up + steps * pace.fastest
    most = warm_up + steps * pace.slowest
    if "val" in dataset.splits:
        # A pass without its way back takes less than a step's.
        selection = dataset.select("val")
        held_out = min(config.validation_slices, len(selection))
        # Two forward passes per step without a backward pass, which takes at least as long as one.
        judged = STEPS * len(balanced_slices(selection.labels, config.accuracy_slices))
        times = math.ceil(steps / config.validate_every)
        a_slice = pace.slowest / config.batch_size
        slices = _HELD_OUT_PASSES * held_out + judged + 2 * config.samples
        most += times * slices * a_slice
    least, most = measured_range(least, most)
    if max_minutes is not None:
        least, most = min(least, 60 * max_minutes), min(most, 60 * max_minutes)
    return least, most
