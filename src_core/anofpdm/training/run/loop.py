"""The training loop: `train` runs it, resumes it, and ends with a bundle."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.training.config import TrainingConfig
from anofpdm.training.monitor.progress import TrainingProgress
from anofpdm.training.monitor.tensorboard import summary_writer
from anofpdm.training.run.attempt import RunAttempt, TrainingResult
from anofpdm.training.run.classes import check_classes
from anofpdm.training.run.export import bundle_metadata
from anofpdm.training.run.start import (
    check_fit,
    check_place,
    first_network,
    flip_axis,
    held,
    opened,
    training_slices,
)
from anofpdm.training.run.stopping import stop_on_signals
from anofpdm.training.step.processes import Processes, joined
from anofpdm.training.step.trainer import Trainer

if TYPE_CHECKING:
    from anofpdm.model.bundle import ModelBundle

__all__ = ["TrainingResult", "train"]


def train(
    config: TrainingConfig,
    dataset: SliceDataset,
    out_dir: str | Path,
    *,
    resume: bool = False,
    skip_damaged: bool = False,
    start_from: ModelBundle | None = None,
    device: str | torch.device = "cpu",
    threads: int | None = None,
    max_minutes: float | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TrainingResult:
    """Train a network on the dataset's "train" split.

    The run's folder holds config.json, events.jsonl, checkpoints/, samples/ and, at the end,
    bundle/. On the same CPU, software, thread and process count, a run that was stopped and resumed
    ends with the same bits as one that was not; `max_minutes` gives that up.

    Started by torchrun, the processes share each batch, on one machine or several; all read the
    dataset, the first alone writes. The steps are those of one process but for rounding and
    dropout's draws.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    dataset : SliceDataset
        Slices with labels; the "val" split, where there is one, is measured but never learned.
    out_dir : str or Path
        The run's folder.
    resume : bool
        Go on from the latest checkpoint in `out_dir`; `config` may differ from the one recorded
        there in its length, its bookkeeping, `accumulation` and `compile` only.
    skip_damaged : bool
        With `resume`: continue from the latest intact checkpoint.
    start_from : ModelBundle, optional
        Begin with this bundle's weights instead of random ones; a resumed run has its own.
    device : str or torch.device
        Where to train; under torchrun "cuda" gives each process its own GPU.
    threads : int, optional
        CPU threads; torch's choice by default.
    max_minutes : float, optional
        Training time of all attempts together, at most. The learning rate then falls by
        max(step / steps, elapsed / max_minutes), and the run ends when either reaches 1. How far
        it gets depends on the machine's speed, so it cannot be repeated bit by bit.
    progress : callable, optional
        Called after every step, in every process.
    should_stop : callable, optional
        Asked after every step; True saves a checkpoint and returns. SIGTERM, SIGHUP and SIGINT
        do the same when the caller is in the main thread. One process's wish stops all.
    clock : callable
        Seconds, monotonic.

    Returns
    -------
    TrainingResult
        The run's end.

    Raises
    ------
    SettingsError
        When the dataset's description does not make a bundle.
    TrainingError
        When dataset or `start_from` do not fit the network, a run that begins has slices of one
        class alone, loss or gradient are not finite, or TensorBoard or a compiled network are
        requested and unavailable.
    CheckpointError
        When `out_dir` holds a run and `resume` is False, or none that could be resumed.
    DeviceError
        When the device's memory does not suffice, or processes outnumber the GPUs.
    OutputError
        When `out_dir` cannot be written, or another process trains in it.
    """
    check_fit(config, dataset)
    if config.phantoms is None:
        check_classes(dataset, begins=start_from is None and not resume)
    # Hours later would be the wrong time to learn that no bundle can be made of it.
    bundle_metadata(config, dataset.description, {})
    if config.tensorboard:
        summary_writer()
    if threads is not None:
        torch.set_num_threads(threads)
    run = Path(out_dir)
    with ExitStack() as stack:
        processes = stack.enter_context(joined(torch.device(device)))
        cuda = [processes.device] if processes.device.type == "cuda" else []
        stack.enter_context(torch.random.fork_rng(devices=cuda))
        signals = stack.enter_context(stop_on_signals())
        processes.from_first(lambda: check_place(run, resume=resume))
        # Before the folder: a configuration that is refused leaves nothing behind.
        trainer = _trainer(config, dataset, start_from, processes)
        stack.callback(trainer.close)
        processes.from_first(lambda: stack.enter_context(held(run, resume=resume)))
        checkpoint = processes.from_first(
            lambda: opened(run, config, dataset, resume=resume, skip_damaged=skip_damaged)
        )
        origin = "" if start_from is None else f"{start_from.name} {start_from.hash}"
        attempt = RunAttempt(
            trainer, dataset, run, checkpoint, origin, max_minutes, clock, processes
        )
        while not attempt.over():
            report = attempt.advance()
            if progress is not None:
                progress(report)
            if processes.any(signals.asked or (should_stop is not None and should_stop())):
                break
        return attempt.close()


def _trainer(
    config: TrainingConfig,
    dataset: SliceDataset,
    start_from: ModelBundle | None,
    processes: Processes,
) -> Trainer:
    torch.manual_seed(config.seed)
    return Trainer(
        config,
        first_network(config, start_from),
        training_slices(config, dataset),
        processes.device,
        flip_axis(dataset),
        processes,
    )
