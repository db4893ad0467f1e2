"""Checkpoints of a run: everything that the next step depends on, in one atomic file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import torch

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import CheckpointError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import one_line, reading
from anofpdm.common.validation import validated
from anofpdm.model.torch_file import load_torch_file
from anofpdm.training.config import TrainingConfig
from anofpdm.training.run.checkpoint_state import (
    Checkpoint,
    UnfitStateError,
    check_tensors,
    check_values,
)

FORMAT_VERSION: Final = 1
FOLDER: Final = "checkpoints"
BEST: Final = "best.pt"
DAMAGED: Final = "damaged-"


class DamagedCheckpointError(CheckpointError):
    """A checkpoint's file is cut off, altered, or something else."""


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
    """Read a checkpoint and check that it is the state of a run, each tensor as its network's.

    Nothing is unpickled but tensors and plain values.

    Raises
    ------
    DamagedCheckpointError
        When the file is damaged or no checkpoint of this program.
    CheckpointError
        When its format or configuration is unknown, its content was not fetched, or the memory
        does not suffice.
    """
    if (fault := missing_content(path)) is not None:
        raise CheckpointError(fault)
    try:
        with reading(path, CheckpointError):
            values = load_torch_file(path, checksums=True)
            version = values.pop("format_version")
            checkpoint = Checkpoint(**values) if version == FORMAT_VERSION else None
            if checkpoint is not None:
                check_values(checkpoint)
    except CheckpointError as error:
        if error.__cause__ is None:  # too large for the memory, or no regular file
            raise
        raise _damaged(path, error) from error
    if checkpoint is None:
        raise CheckpointError(
            f"{path} has checkpoint format {one_line(version)}, but this program reads "
            f"{FORMAT_VERSION}; use the version of anofpdm that wrote it."
        )
    with reading(path, CheckpointError):
        config = validated(
            TrainingConfig, checkpoint.config, raises=CheckpointError, where=str(path)
        )
    try:
        with reading(path, CheckpointError):
            check_tensors(checkpoint, config)
    except CheckpointError as error:
        raise _damaged(path, error) from error
    return checkpoint


def _damaged(path: Path, error: CheckpointError) -> DamagedCheckpointError:
    found = error.__cause__
    why = f" ({one_line(found)})" if isinstance(found, UnfitStateError) else ""
    return DamagedCheckpointError(
        f"{path} is damaged or not a training checkpoint{why}; choose another one."
    )
