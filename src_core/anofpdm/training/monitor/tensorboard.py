"""Losses, accuracy and pictures of a run for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import TrainingError

if TYPE_CHECKING:
    from anofpdm.training.monitor.progress import TrainingProgress

FOLDER = "tensorboard"


def summary_writer() -> Any:
    """Import the class that writes TensorBoard's files.

    Raises
    ------
    TrainingError
        When TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError(
            "tensorboard = true needs the package tensorboard, which is not installed; run pip "
            'install "napari-anofpdm[train]", or set tensorboard = false.'
        ) from error
    return SummaryWriter


class TensorBoardLog:
    """Writes what a run measures into `run/tensorboard`.

    Parameters
    ----------
    run : Path
        The run's folder.
    step : int
        Steps done; what an interrupted attempt wrote of later ones is no longer shown.
    """

    def __init__(self, run: Path, step: int) -> None:
        writer = summary_writer()
        self._writer = writer(log_dir=str(run / FOLDER), purge_step=step + 1 if step else None)

    def progress(self, report: TrainingProgress) -> None:
        """Write losses, accuracy and speed after a step."""
        values = {
            "train/loss": report.loss,
            "train/lr": report.lr,
            "train/images_per_second": report.images_per_second,
        }
        for name, losses in (report.validation or {}).items():
            for quartile, loss in enumerate(losses, start=1):
                values[f"held_out_{name}/noise_quartile_{quartile}"] = loss
        if report.accuracy is not None:
            values["held_out_accuracy/all_alike"] = report.accuracy.baseline
            for guidance, accuracy in report.accuracy.points:
                values[f"held_out_accuracy/guidance_{guidance:g}"] = accuracy
        for name, value in values.items():
            self._writer.add_scalar(name, value, report.step)

    def picture(self, image: NDArray[np.uint8], step: int) -> None:
        """Write a picture (H, W, 3) of a step's predictions."""
        self._writer.add_image("samples", image, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is still in memory."""
        self._writer.close()
