"""Records of a run besides checkpoints: events, held-out measures, pictures, TensorBoard."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from anofpdm.common.event_log import EventLog
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.guidance.accuracy import GuidanceAccuracy
from anofpdm.training.monitor.accuracy import HeldOutAccuracy, balanced_slices
from anofpdm.training.monitor.held_out import HeldOutLoss
from anofpdm.training.monitor.progress import TrainingProgress
from anofpdm.training.monitor.samples import Samples
from anofpdm.training.monitor.tensorboard import TensorBoardLog
from anofpdm.training.step.trainer import Trainer


class Records:
    """The written memory of a run, kept by its first process alone.

    Parameters
    ----------
    run : Path
        The run's folder.
    trainer : Trainer
        Its moving average is what is measured.
    dataset : SliceDataset
        Its split "val", where there is one, is measured.
    step : int
        Steps done.
    """

    def __init__(self, run: Path, trainer: Trainer, dataset: SliceDataset, step: int) -> None:
        config = trainer.config
        self._run = run
        self._network = trainer.ema.module
        self._size = max(1, config.batch_size // config.accumulation)
        self._bfloat16 = config.precision == "bfloat16"
        self._board = TensorBoardLog(run, step) if config.tensorboard else None
        self._held_out: HeldOutLoss | None = None
        self._accuracy: HeldOutAccuracy | None = None
        self._samples: Samples | None = None
        if "val" in dataset.splits:
            held_out = dataset.select("val")
            noising, schedule, device = trainer.noising, config.schedule, trainer.device
            self._held_out = HeldOutLoss(held_out, config.validation_slices, noising, device)
            judged = balanced_slices(held_out.labels, config.accuracy_slices)
            if judged.size:
                self._accuracy = HeldOutAccuracy(
                    held_out, judged, schedule, noising.num_steps, device
                )
            if config.samples:
                self._samples = Samples(held_out, config.samples, noising, schedule, device)
        self._events = EventLog(run)

    def event(self, name: str, **values: Any) -> None:
        """Write one line into events.jsonl."""
        self._events.write(name, **values)

    def progress(self, report: TrainingProgress) -> None:
        """Write how far the run has come."""
        values = asdict(report)
        for name in ("stage", "done", "total", "speed"):
            del values[name]
        self._events.write("progress", step=report.step, steps=report.steps, **values)
        if self._board is not None:
            self._board.progress(report)

    def measure(self, step: int) -> dict[str, list[float]] | None:
        """Return the held-out losses (see `HeldOutLoss`), and draw the sample predictions."""
        if self._samples is not None:
            picture = self._samples.draw(self._network, self._run, step, bfloat16=self._bfloat16)
            if self._board is not None:
                self._board.picture(picture, step)
        if self._held_out is None:
            return None
        return self._held_out.evaluate(self._network, self._size, bfloat16=self._bfloat16)

    def accuracy(self) -> GuidanceAccuracy | None:
        """Return the accuracy on held-out slices; None if it is not measured."""
        if self._accuracy is None:
            return None
        return self._accuracy.evaluate(self._network, self._size, bfloat16=self._bfloat16)

    def close(self) -> None:
        """End what writes in the background."""
        if self._board is not None:
            self._board.close()
