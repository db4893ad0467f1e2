"""One attempt at a run: from its start or resumption to its end or interruption."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from torch import Tensor

from anofpdm.common.errors import AnofpdmError, OutputError
from anofpdm.common.progress import Pace
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.guidance.accuracy import GuidanceAccuracy
from anofpdm.training.config import lr_factor
from anofpdm.training.monitor.progress import (
    LOSS_MEMORY,
    SPEED_MEMORY,
    TrainingProgress,
    held_out_mean,
    moving,
)
from anofpdm.training.monitor.records import Records
from anofpdm.training.run.checkpoint_state import Checkpoint, restore
from anofpdm.training.run.checkpoints import (
    best_checkpoint,
    keep_best,
    latest_checkpoint,
    save_checkpoint,
)
from anofpdm.training.run.export import export_bundle
from anofpdm.training.run.start import BUNDLE
from anofpdm.training.step.processes import Processes
from anofpdm.training.step.trainer import Trainer

# A loss that is not finite is noticed after so many steps at the latest.
_MOST_UNREAD: Final = 100


@dataclass(frozen=True)
class TrainingResult:
    """The outcome of a run.

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
    accuracy : GuidanceAccuracy or None
        The last one that this attempt measured, of held-out slices.
    new_steps : int
        Those of this attempt alone.
    """

    step: int
    loss: float
    finished: bool
    checkpoint: Path
    bundle: Path | None
    accuracy: GuidanceAccuracy | None = None
    new_steps: int = 0


class RunAttempt:
    """Steps of a run, and what is written of them.

    Parameters
    ----------
    trainer : Trainer
        The run's state, at its beginning.
    dataset : SliceDataset
        What it trains on.
    run : Path
        The run's folder, held by this process.
    checkpoint : Checkpoint or None
        The checkpoint to continue from.
    started_from : str
        Origin of the first weights, for a new run.
    max_minutes : float or None
        Training time of all attempts together, at most.
    clock : callable
        Seconds, monotonic.
    processes : Processes
        Those that share the run; the first writes.
    """

    def __init__(
        self,
        trainer: Trainer,
        dataset: SliceDataset,
        run: Path,
        checkpoint: Checkpoint | None,
        started_from: str,
        max_minutes: float | None,
        clock: Callable[[], float],
        processes: Processes,
    ) -> None:
        self._trainer, self._run, self._clock, self._processes = trainer, run, clock, processes
        self._started_from = started_from if checkpoint is None else checkpoint.started_from
        self._config = trainer.config
        self._description = dataset.description
        self._max_seconds = None if max_minutes is None else 60 * max_minutes
        self._step, self._elapsed = 0, 0.0
        self._unread: list[Tensor] = []
        self._first_unread_began = 0.0
        self._loss: float | None = None
        self._seconds: float | None = None
        self._best: float | None = None
        self._accuracy: GuidanceAccuracy | None = None
        if checkpoint is not None:
            self._step, self._elapsed = checkpoint.step, checkpoint.elapsed_seconds
            self._loss, self._best = checkpoint.loss, checkpoint.best_loss
            restore(trainer, checkpoint)
        self._first_step = self._step
        self._start = clock() - self._elapsed
        self._pace = Pace(clock)
        self._saved = self._step if checkpoint is not None else None
        self._records: Records | None = None
        processes.from_first(lambda: self._open(dataset, resumed=checkpoint is not None))

    def over(self) -> bool:
        """Whether the run has come to its end."""
        return self._fraction() >= 1

    def advance(self) -> TrainingProgress:
        """Do one step and write what is due.

        Raises
        ------
        TrainingError, DeviceError, OutputError
            See `train`; the event log then ends with the reason.
        """
        try:
            return self._advance()
        except AnofpdmError as error:
            if self._records is not None:
                with suppress(OutputError):
                    self._records.event("failed", step=self._step, reason=str(error))
            raise

    def close(self) -> TrainingResult:
        """Save, and make the bundle when the run has come to its end."""
        self._read_losses(self._config.lr)
        return self._processes.from_first(self._finish)

    def _open(self, dataset: SliceDataset, *, resumed: bool) -> None:
        self._records = Records(self._run, self._trainer, dataset, self._step)
        self._records.event(
            "resume" if resumed else "start",
            step=self._step,
            steps=self._config.steps,
            processes=self._processes.count,
            device=str(self._trainer.device),
        )

    def _advance(self) -> TrainingProgress:
        config, began = self._config, self._clock()
        lr = config.lr * lr_factor(config, self._step, self._fraction())
        if not self._unread:
            self._first_unread_began = began
        self._unread.append(self._trainer.step(self._step, lr))
        self._step += 1
        due = any(
            map(self._due, (config.log_every, config.validate_every, config.checkpoint_every))
        )
        if due or not self._trainer.runs_ahead or self._loss is None or self._many_unread():
            self._read_losses(lr)
        self._elapsed = self._clock() - self._start
        if self._max_seconds is not None:
            # The rate falls with it, so all must see the same time.
            self._elapsed = self._processes.largest(self._elapsed)
        assert self._loss is not None and self._seconds is not None
        report = self._report(lr, self._loss, self._seconds)
        if due:
            report = self._processes.from_first(lambda: self._write(report))
        return report

    def _many_unread(self) -> bool:
        return len(self._unread) >= _MOST_UNREAD

    def _read_losses(self, lr: float) -> None:
        """Wait for the steps whose losses have not been read."""
        count = len(self._unread)
        if not count:
            return
        losses = self._trainer.check(self._unread, self._step - count, lr)
        self._unread.clear()
        seconds = (self._clock() - self._first_unread_began) / count
        for loss in losses:
            self._loss = moving(self._loss, loss, LOSS_MEMORY)
            self._seconds = moving(self._seconds, seconds, SPEED_MEMORY)

    def _write(self, report: TrainingProgress) -> TrainingProgress:
        """Measure, log and save what is due after a step, in the first process."""
        config, records = self._config, self._records
        assert records is not None
        improved = False
        if self._due(config.validate_every):
            validation = records.measure(self._step)
            self._accuracy = records.accuracy()
            report = replace(report, validation=validation, accuracy=self._accuracy)
            improved = validation is not None and self._is_best(held_out_mean(validation))
        if self._due(config.log_every) or report.validation is not None:
            records.progress(report)
        if improved:
            keep_best(self._save())
        elif self._due(config.checkpoint_every):
            self._save()
        return report

    def _is_best(self, loss: float) -> bool:
        if self._best is not None and loss >= self._best:
            return False
        self._best = loss
        return True

    def _finish(self) -> TrainingResult:
        records, path = self._records, self._save()
        assert records is not None
        finished = self.over()
        bundle = self._run / BUNDLE if finished else None
        if bundle is not None:
            best = best_checkpoint(self._run) if self._config.bundle_from == "best" else None
            export_bundle(self._run, bundle, checkpoint=best or path, overwrite=True)
        records.event("finished" if finished else "stopped", step=self._step)
        records.close()
        return TrainingResult(
            self._step,
            self._loss or 0.0,
            finished,
            path,
            bundle,
            self._accuracy,
            self._step - self._first_step,
        )

    def _fraction(self) -> float:
        by_steps = self._step / self._config.steps
        if self._max_seconds is None:
            return by_steps
        return max(by_steps, self._elapsed / self._max_seconds)

    def _due(self, every: int) -> bool:
        return self._step % every == 0 or self._step == self._config.steps

    def _report(self, lr: float, loss: float, seconds: float) -> TrainingProgress:
        report = TrainingProgress(
            done=self._step,
            total=self._config.steps,
            loss=loss,
            lr=lr,
            images_per_second=self._config.batch_size / max(seconds, 1e-9),
            elapsed_seconds=self._elapsed,
        )
        report = self._pace(report)
        if self._max_seconds is None:
            return report
        allowed = max(0.0, self._max_seconds - self._elapsed)
        left = allowed if report.seconds_left is None else min(allowed, report.seconds_left)
        return replace(report, seconds_left=left)

    def _save(self) -> Path:
        if self._saved == self._step:
            return latest_checkpoint(self._run)
        state = Checkpoint(
            step=self._step,
            elapsed_seconds=self._clock() - self._start,
            loss=self._loss or 0.0,
            config=self._config.model_dump(mode="json"),
            dataset=self._description,
            network=self._trainer.network.state_dict(),
            ema=self._trainer.ema.state_dict(),
            optimizer=self._trainer.optimizer.state_dict(),
            started_from=self._started_from,
            best_loss=self._best,
        )
        path = save_checkpoint(self._run, state, self._config.keep_checkpoints)
        self._saved = self._step
        return path
