"""The training loop: `train` runs it, resumes it, and ends with a bundle."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from anofpdm.atomic import atomic_path
from anofpdm.datasets.slices import SliceDataset
from anofpdm.errors import CheckpointError, TrainingError
from anofpdm.training.checkpoints import (
    Checkpoint,
    latest_checkpoint,
    list_checkpoints,
    load_checkpoint,
    save_checkpoint,
)
from anofpdm.training.config import TrainingConfig, lr_factor
from anofpdm.training.export import bundle_metadata, export_bundle
from anofpdm.training.held_out import HeldOutLoss
from anofpdm.training.progress import (
    LOSS_MEMORY,
    SPEED_MEMORY,
    EventLog,
    TrainingProgress,
    moving,
)
from anofpdm.training.stopping import stop_on_signals
from anofpdm.training.trainer import Trainer
from anofpdm.unet import UNet

if TYPE_CHECKING:
    from anofpdm.bundle import ModelBundle

BUNDLE = "bundle"
# What a resumed run may change: its length and its bookkeeping, nothing that past steps used.
RESUMABLE = frozenset(
    {"steps", "log_every", "validate_every", "checkpoint_every", "keep_checkpoints", "bundle"}
)


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes
    ----------
    step : int
        Steps done.
    loss : float
        Moving average of the training loss.
    finished : bool
        False when it was stopped early; resume it then.
    checkpoint : Path
        The last checkpoint.
    bundle : Path or None
        The uncalibrated bundle, when finished.
    """

    step: int
    loss: float
    finished: bool
    checkpoint: Path
    bundle: Path | None


def train(
    config: TrainingConfig,
    dataset: SliceDataset,
    out_dir: str | Path,
    *,
    resume: bool = False,
    start_from: ModelBundle | None = None,
    device: str | torch.device = "cpu",
    threads: int | None = None,
    max_minutes: float | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TrainingResult:
    """Train a network on the dataset's "train" split.

    The run's folder holds config.json, events.jsonl, checkpoints/ and, at the end, bundle/. On the
    same CPU, software and thread count, a run that was stopped and resumed ends with the same bits
    as one that was not; `max_minutes` gives that up.

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
        there in its length and bookkeeping only.
    start_from : ModelBundle, optional
        Begin with this bundle's weights instead of random ones; a resumed run has its own.
    device : str or torch.device
        Where to train.
    threads : int, optional
        CPU threads; torch's choice by default.
    max_minutes : float, optional
        Training time of all sessions together, at most. The learning rate then falls by
        max(step / steps, elapsed / max_minutes), and the run ends when either reaches 1. How far
        it gets depends on the machine's speed, so it cannot be repeated bit by bit.
    progress : callable, optional
        Called after every step.
    should_stop : callable, optional
        Asked after every step; True saves a checkpoint and returns. SIGTERM and SIGINT do the same
        when the caller is in the main thread.
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
        When dataset or `start_from` do not fit the network, or loss or gradient are not finite.
    CheckpointError
        When `out_dir` holds a run and `resume` is False, or none that could be resumed.
    OutputError
        When `out_dir` cannot be written.
    """
    run = Path(out_dir)
    device = torch.device(device)
    _check_fit(config, dataset)
    # Hours later would be the wrong time to learn that no bundle can be made of it.
    bundle_metadata(config, dataset.description, {})
    if threads is not None:
        torch.set_num_threads(threads)
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda), stop_on_signals() as signals:
        checkpoint = _open_run(run, config, dataset, resume=resume)
        torch.manual_seed(config.seed)
        trainer = Trainer(
            config,
            _first_network(config, start_from),
            dataset.select("train"),
            device,
            _flip_axis(dataset),
        )
        origin = "" if start_from is None else f"{start_from.name} {start_from.hash}"
        session = _Session(trainer, dataset, run, checkpoint, origin, max_minutes, clock)
        while not session.over():
            report = session.advance()
            if progress is not None:
                progress(report)
            if signals.asked or (should_stop is not None and should_stop()):
                break
        return session.close()


class _Session:
    """The stretch of a run from its start or resumption to its end or interruption."""

    def __init__(
        self,
        trainer: Trainer,
        dataset: SliceDataset,
        run: Path,
        checkpoint: Checkpoint | None,
        started_from: str,
        max_minutes: float | None,
        clock: Callable[[], float],
    ) -> None:
        self._trainer, self._run, self._clock = trainer, run, clock
        self._started_from = started_from if checkpoint is None else checkpoint.started_from
        self._config = trainer.config
        self._description = dataset.description
        self._max_seconds = None if max_minutes is None else 60 * max_minutes
        self._step = 0
        self._loss: float | None = None
        self._seconds: float | None = None
        self._saved: tuple[int, Path] | None = None
        before = 0.0
        if checkpoint is not None:
            self._step, self._loss = checkpoint.step, checkpoint.loss
            before = checkpoint.elapsed_seconds
            self._saved = (checkpoint.step, latest_checkpoint(run))
            trainer.network.load_state_dict(checkpoint.network)
            trainer.ema.load_state_dict(checkpoint.ema)
            trainer.optimizer.load_state_dict(checkpoint.optimizer)
        self._held_out = (
            HeldOutLoss(
                dataset.select("val"),
                self._config.validation_slices,
                trainer.noising,
                trainer.device,
            )
            if "val" in dataset.splits
            else None
        )
        self._events = EventLog(run)
        self._start = clock() - before
        self._events.write("start" if checkpoint is None else "resume", step=self._step)

    def over(self) -> bool:
        return self._fraction() >= 1

    def advance(self) -> TrainingProgress:
        config, began = self._config, self._clock()
        lr = config.lr * lr_factor(config, self._step, self._fraction())
        try:
            loss = self._trainer.step(self._step, lr)
        except TrainingError as error:
            self._events.write("failed", step=self._step, reason=str(error))
            raise
        self._step += 1
        self._loss = average = moving(self._loss, loss, LOSS_MEMORY)
        self._seconds = seconds = moving(self._seconds, self._clock() - began, SPEED_MEMORY)
        validation = self._validate() if self._due(config.validate_every) else None
        report = self._report(lr, average, seconds, validation)
        if self._due(config.log_every) or validation is not None:
            self._events.write("progress", **asdict(report))
        if self._due(config.checkpoint_every):
            self._save()
        return report

    def close(self) -> TrainingResult:
        path = self._save()
        finished = self.over()
        self._events.write("finished" if finished else "stopped", step=self._step)
        bundle = self._run / BUNDLE if finished else None
        if bundle is not None:
            export_bundle(self._run, bundle, checkpoint=path, overwrite=True)
        return TrainingResult(self._step, self._loss or 0.0, finished, path, bundle)

    def _elapsed(self) -> float:
        return self._clock() - self._start

    def _fraction(self) -> float:
        by_steps = self._step / self._config.steps
        if self._max_seconds is None:
            return by_steps
        return max(by_steps, self._elapsed() / self._max_seconds)

    def _due(self, every: int) -> bool:
        return self._step % every == 0 or self._step == self._config.steps

    def _validate(self) -> dict[str, list[float]] | None:
        if self._held_out is None:
            return None
        return self._held_out.evaluate(
            self._trainer.ema.module,
            self._config.batch_size,
            bfloat16=self._config.precision == "bfloat16",
        )

    def _report(
        self, lr: float, loss: float, seconds: float, validation: dict[str, list[float]] | None
    ) -> TrainingProgress:
        elapsed, config = self._elapsed(), self._config
        left = (config.steps - self._step) * seconds
        if self._max_seconds is not None:
            left = max(0.0, min(left, self._max_seconds - elapsed))
        return TrainingProgress(
            step=self._step,
            steps=config.steps,
            loss=loss,
            lr=lr,
            images_per_second=config.batch_size / max(seconds, 1e-9),
            elapsed_seconds=elapsed,
            seconds_left=left,
            validation=validation,
        )

    def _save(self) -> Path:
        if self._saved is None or self._saved[0] != self._step:
            state = Checkpoint(
                step=self._step,
                elapsed_seconds=self._elapsed(),
                loss=self._loss or 0.0,
                config=self._config.model_dump(mode="json"),
                dataset=self._description,
                network=self._trainer.network.state_dict(),
                ema=self._trainer.ema.state_dict(),
                optimizer=self._trainer.optimizer.state_dict(),
                started_from=self._started_from,
            )
            path = save_checkpoint(self._run, state, self._config.keep_checkpoints)
            self._saved = (self._step, path)
        return self._saved[1]


def _open_run(
    run: Path, config: TrainingConfig, dataset: SliceDataset, *, resume: bool
) -> Checkpoint | None:
    checkpoint = None
    values = config.model_dump(mode="json")
    if resume:
        checkpoint = load_checkpoint(latest_checkpoint(run))
        _check_same_run(run, checkpoint, values, dataset)
    elif list_checkpoints(run):
        raise CheckpointError(f"{run} holds a run already; resume it or choose another folder.")
    with atomic_path(run / "config.json", overwrite=True) as pending:
        pending.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return checkpoint


def _check_same_run(
    run: Path, checkpoint: Checkpoint, values: dict[str, Any], dataset: SliceDataset
) -> None:
    for name, value in values.items():
        if name not in RESUMABLE and checkpoint.config.get(name) != value:
            raise CheckpointError(
                f"{run} was trained with {name} = {checkpoint.config.get(name)}, not {value}; "
                "resume with the same value or start another run."
            )
    if checkpoint.dataset["fingerprint"] != dataset.fingerprint:
        raise CheckpointError(
            f"{run} was trained on another dataset than {dataset.path}; resume with the same one."
        )


def _check_fit(config: TrainingConfig, dataset: SliceDataset) -> None:
    channels, rows, columns = dataset.slice_shape
    size = config.network.image_size
    if (channels, rows, columns) != (config.network.in_channels, size, size):
        raise TrainingError(
            f"{dataset.path} holds slices of {channels} x {rows} x {columns} (channels, rows, "
            f"columns), but the network takes {config.network.in_channels} x {size} x {size}; "
            "change the network's in_channels and image_size."
        )


def _first_network(config: TrainingConfig, start_from: ModelBundle | None) -> UNet:
    network = UNet(config.network)
    if start_from is not None:
        # Dropout is no part of the weights' shapes.
        given = start_from.metadata.network.model_copy(update={"dropout": config.network.dropout})
        if given != config.network or start_from.schedule != config.schedule:
            raise TrainingError(
                f"The bundle {start_from.name} has another network or schedule than the "
                "configuration; copy its [network] into the configuration to start from it."
            )
        network.load_state_dict(start_from.network().state_dict())
    return network


def _flip_axis(dataset: SliceDataset) -> int:
    return -2 if dataset.preprocessing.get("rows") in ("L", "R") else -1
