"""Checkpoints of a run: everything that the next step depends on, in one atomic file."""

from __future__ import annotations

import os
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import CheckpointError
from anofpdm.common.pointer_files import missing_content

FORMAT_VERSION: Final = 1
FOLDER: Final = "checkpoints"
BEST: Final = "best.pt"
DAMAGED: Final = "damaged-"


class DamagedCheckpointError(CheckpointError):
    """A checkpoint's file is cut off, altered, or something else."""


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
        Training time so far, all attempts together.
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
    best_loss : float, optional
        The lowest held-out loss so far; None before the first.
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
    best_loss: float | None = None


def save_checkpoint(run: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write `run/checkpoints/step-N.pt` and drop all but the `keep` latest of them.

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
        try:
            torch.save({"format_version": FORMAT_VERSION, **fields}, file)
        except RuntimeError as error:
            # A full disk comes out of torch's archive writer as a failed assertion.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise
        file.flush()
        os.fsync(file.fileno())
    for old in list_checkpoints(run)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def keep_best(path: Path) -> Path:
    """Keep a checkpoint as `best.pt` beside it, in place of the one that was.

    Raises
    ------
    OutputError
        When it cannot be written; the best one before it stays.
    """
    best = path.with_name(BEST)
    with atomic_path(best, overwrite=True) as pending:
        try:
            pending.hardlink_to(path)
        except OSError:
            # Not all file systems have hard links.
            shutil.copyfile(path, pending)
    return best


def best_checkpoint(run: Path) -> Path | None:
    """Return the checkpoint with the lowest held-out loss, or None before the first."""
    path = run / FOLDER / BEST
    return path if path.exists() else None


def remove_leftovers(run: Path) -> None:
    """Remove half-written checkpoints that a killed process left; the caller holds the run."""
    for left in (run / FOLDER).glob(".*.pt"):
        left.unlink(missing_ok=True)


def list_checkpoints(run: Path) -> list[Path]:
    """Return the run's checkpoints, oldest first; the best one is not among them."""
    return sorted((run / FOLDER).glob("step-*.pt"))


def step_of(checkpoint: Path) -> int:
    """Return the step of a checkpoint, from its name."""
    return int(checkpoint.stem.removeprefix("step-"))


def latest_checkpoint(run: Path) -> Path:
    """Return the run's latest checkpoint.

    Raises
    ------
    CheckpointError
        When there is none.
    """
    found = list_checkpoints(run)
    if not found:
        raise CheckpointError(f"{run} contains no checkpoint; start the run without --resume.")
    return found[-1]


def resumed_checkpoint(run: Path, *, skip_damaged: bool) -> Checkpoint:
    """Read the checkpoint to continue from: the latest.

    Parameters
    ----------
    run : Path
        The run's folder.
    skip_damaged : bool
        Go on from the latest that is whole; damaged ones get "damaged-" before their names.

    Raises
    ------
    CheckpointError
        When there is none that can be read.
    """
    while True:
        path = latest_checkpoint(run)
        try:
            return load_checkpoint(path)
        except DamagedCheckpointError as error:
            others = list_checkpoints(run)[:-1]
            if not others:
                raise DamagedCheckpointError(
                    f"The run's only checkpoint, {path}, is damaged; start a new run in another "
                    "folder."
                ) from error
            if not skip_damaged:
                raise DamagedCheckpointError(
                    f"{path} is damaged; resume with --skip-damaged to continue from the previous "
                    f"one, {others[-1].name}."
                ) from error
            path.replace(path.with_name(DAMAGED + path.name))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint without unpickling anything but tensors and plain values.

    Raises
    ------
    DamagedCheckpointError
        When the file is damaged or no checkpoint of this program.
    CheckpointError
        When its format is unknown, or its content was not fetched.
    """
    if (fault := missing_content(path)) is not None:
        raise CheckpointError(fault)
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
        raise DamagedCheckpointError(
            f"{path} is damaged or not a training checkpoint; choose another one."
        ) from error
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version}, but this program reads {FORMAT_VERSION}; use "
            "the version of anofpdm that wrote it."
        )
    return checkpoint
