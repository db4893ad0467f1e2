"""Checkpoints of a run: everything that the next step depends on, in one atomic file."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from anofpdm.atomic import atomic_path
from anofpdm.errors import CheckpointError

FORMAT_VERSION: Final = 1
FOLDER: Final = "checkpoints"


@dataclass(frozen=True)
class Checkpoint:
    """State of a run between two steps.

    Noise, timesteps, dropout, augmentation and data order follow from (seed, step), so no
    generator's state is kept.

    Attributes
    ----------
    step : int
        Steps done.
    elapsed_seconds : float
        Training time so far, all sessions together.
    loss : float
        Moving average of the loss.
    config : dict
        The run's `TrainingConfig` as JSON values.
    dataset : dict
        `SliceDataset.description` of the training data.
    network, ema, optimizer : dict
        State dicts.
    started_from : str
        Name and hash of the bundle whose weights the run began with; empty for random ones.
    """

    step: int
    elapsed_seconds: float
    loss: float
    config: dict[str, Any]
    dataset: dict[str, Any]
    network: dict[str, Any]
    ema: dict[str, Any]
    optimizer: dict[str, Any]
    started_from: str = ""


def save_checkpoint(run: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write `run/checkpoints/step-N.pt` and drop all but the `keep` latest.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        When it cannot be written; the checkpoints before it stay.
    """
    path = run / FOLDER / f"step-{checkpoint.step:08d}.pt"
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    with atomic_path(path, overwrite=True) as pending, pending.open("wb") as file:
        torch.save({"format_version": FORMAT_VERSION, **fields}, file)
        file.flush()
        os.fsync(file.fileno())
    for old in list_checkpoints(run)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def list_checkpoints(run: Path) -> list[Path]:
    """Return the run's checkpoints, oldest first."""
    return sorted((run / FOLDER).glob("step-*.pt"))


def latest_checkpoint(run: Path) -> Path:
    """Return the run's latest checkpoint.

    Raises
    ------
    CheckpointError
        When there is none.
    """
    found = list_checkpoints(run)
    if not found:
        raise CheckpointError(f"{run} holds no checkpoint; start the run without resuming.")
    return found[-1]


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint without unpickling anything but tensors and plain values.

    Raises
    ------
    CheckpointError
        When the file is damaged or no checkpoint of this program.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        version = values.pop("format_version")
        checkpoint = Checkpoint(**values)
    except (
        OSError,
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        pickle.UnpicklingError,
    ) as error:
        raise CheckpointError(
            f"{path} is damaged or not a training checkpoint; delete it to use the one before."
        ) from error
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version}, this version reads {FORMAT_VERSION}."
        )
    return checkpoint
