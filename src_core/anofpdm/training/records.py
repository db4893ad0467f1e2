"""What a run writes beside its checkpoints: events, held-out losses, pictures, TensorBoard."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from anofpdm.datasets.slices import SliceDataset
from anofpdm.event_log import EventLog
from anofpdm.training.held_out import HeldOutLoss
from anofpdm.training.progress import TrainingProgress
from anofpdm.training.samples import Samples
from anofpdm.training.tensorboard import TensorBoardLog
from anofpdm.training.trainer import Trainer


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
        self._run, self._trainer, self._config = run, trainer, config
        self._board = TensorBoardLog(run, step) if config.tensorboard else None
        self._held_out: HeldOutLoss | None = None
        self._samples: Samples | None = None
        if "val" in dataset.splits:
            held_out = dataset.select("val")
            noising, device = trainer.noising, trainer.device
            self._held_out = HeldOutLoss(held_out, config.validation_slices, noising, device)
            if config.samples:
                self._samples = Samples(held_out, config.samples, noising, config.schedule, device)
        self._events = EventLog(run)

    def event(self, name: str, **values: Any) -> None:
        """Write one line into events.jsonl."""
        self._events.write(name, **values)

    def progress(self, report: TrainingProgress) -> None:
        """Write how far the run has come."""
        self._events.write("progress", **asdict(report))
        if self._board is not None:
            self._board.progress(report)

    def measure(self, step: int) -> dict[str, list[float]] | None:
        """Return the held-out losses (see `HeldOutLoss`), and draw the sample predictions."""
        network = self._trainer.ema.module
        bfloat16 = self._config.precision == "bfloat16"
        if self._samples is not None:
            picture = self._samples.draw(network, self._run, step, bfloat16=bfloat16)
            if self._board is not None:
                self._board.picture(picture, step)
        if self._held_out is None:
            return None
        size = max(1, self._config.batch_size // self._config.accumulation)
        return self._held_out.evaluate(network, size, bfloat16=bfloat16)

    def close(self) -> None:
        """End what writes in the background."""
        if self._board is not None:
            self._board.close()
