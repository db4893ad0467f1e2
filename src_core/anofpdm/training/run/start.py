"""The start of a run: a network that fits the data, and the checkpoint to continue from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import CheckpointError, OutputError, TrainingError
from anofpdm.common.folder_lock import folder_lock
from anofpdm.common.validation import validated
from anofpdm.datasets.store.attributes import Split
from anofpdm.datasets.store.slices import SliceDataset, SliceSelection
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from anofpdm.training.config import TrainingConfig
from anofpdm.training.run.checkpoint_state import Checkpoint
from anofpdm.training.run.checkpoints import list_checkpoints, remove_leftovers, resumed_checkpoint

if TYPE_CHECKING:
    from anofpdm.model.bundle import ModelBundle

BUNDLE = "bundle"
"""Folder of a run in which its bundle appears at the end."""

# What a resumed run may change: its length, what it writes, and how the device computes
# a step; nothing that decides what a step is.
RESUMABLE = frozenset(
    {
        "steps",
        "log_every",
        "validate_every",
        "accuracy_slices",
        "checkpoint_every",
        "keep_checkpoints",
        "samples",
        "tensorboard",
        "accumulation",
        "compile",
        "bundle_from",
        "bundle",
    }
)


def check_fit(config: TrainingConfig, dataset: SliceDataset) -> None:
    """Check that the network fits the dataset's slices, and that the configuration is possible.

    Raises
    ------
    TrainingError
        Naming the keys to change.
    """
    channels, rows, columns = dataset.slice_shape
    size = config.network.image_size
    if (channels, rows, columns) != (config.network.in_channels, size, size):
        raise TrainingError(
            f"{dataset.path} has slices of {channels} x {rows} x {columns} (channels, rows, "
            f"columns), but the network reads {config.network.in_channels} x {size} x {size}; "
            "change the network's in_channels and image_size."
        )
    if config.twins and config.phantoms is None and not (dataset.select("train").twins >= 0).any():
        raise TrainingError(
            f"{dataset.path} has no healthy twins of its unhealthy slices, which twins = true "
            "needs; make it with anofpdm phantom-dataset --twins, or set twins = false."
        )
    if config.bundle_from == "best" and "val" not in dataset.splits:
        raise TrainingError(
            f'bundle_from = "best" needs held-out slices, but {dataset.path} has no split val; '
            'set bundle_from = "last".'
        )


def first_network(config: TrainingConfig, start_from: ModelBundle | None) -> UNet:
    """Make the network with the weights of a bundle, or with random ones.

    The bundle's slices may have another size: a network that was trained on coarse slices can go
    on with finer ones.

    Raises
    ------
    TrainingError
        When the bundle's network or schedule is another.
    """
    network = UNet(config.network)
    if start_from is not None:
        same = _same_weights(start_from.metadata.network, config.network)
        if not same or start_from.schedule != config.schedule:
            raise TrainingError(
                f"The network or schedule of the bundle {start_from.name} differs from the "
                "configuration; copy its [network] into the configuration (image_size alone may "
                "differ, with attention_resolutions at the same levels)."
            )
        network.load_state_dict(start_from.network().state_dict())
    return network


def _same_weights(given: UNetConfig, wanted: UNetConfig) -> bool:
    """Compare networks without what is no part of their weights: dropout and the slices' size."""
    try:
        sized = given.at_size(wanted.image_size)
    except ValidationError:  # its levels do not divide that size
        return False
    return sized.model_copy(update={"dropout": wanted.dropout}) == wanted.at_size(wanted.image_size)


def training_slices(config: TrainingConfig, dataset: SliceDataset) -> SliceSelection:
    """Give the slices to train on; a run that draws phantoms takes but the recipe from them."""
    held_out: tuple[Split, ...] = ("val", "test")
    if config.phantoms is None or "train" in dataset.splits:
        return dataset.select("train")
    return dataset.select(next(split for split in held_out if split in dataset.splits))


def flip_axis(dataset: SliceDataset) -> int:
    """Axis of a batch of the dataset's slices that runs left-right."""
    return -2 if dataset.preprocessing.get("rows") in ("L", "R") else -1


def check_place(run: Path, *, resume: bool) -> None:
    """Check that a folder holds a run exactly where one is to be resumed, and no bundle of old.

    Raises
    ------
    CheckpointError
        When it is otherwise.
    """
    if resume and not list_checkpoints(run):
        raise CheckpointError(f"{run} contains no checkpoint; start the run without --resume.")
    if not resume and list_checkpoints(run):
        raise CheckpointError(f"{run} already contains a run; resume it or choose another folder.")
    if not resume and (run / BUNDLE).exists():
        raise CheckpointError(
            f"{run} already contains a {BUNDLE}, which the run would replace; choose another "
            "folder."
        )


@contextmanager
def held(run: Path, *, resume: bool) -> Iterator[None]:
    """Hold a run's folder against other processes, and clear what a killed one left half-written.

    Raises
    ------
    CheckpointError
        When there is nothing to resume, or a run that was not to be resumed.
    OutputError
        When the folder cannot be written, or another process trains in it.
    """
    check_place(run, resume=resume)
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{run} cannot be created ({error.strerror}); choose another path."
        ) from error
    with folder_lock(run, str(run)):
        remove_leftovers(run)
        yield


def opened(
    run: Path, config: TrainingConfig, dataset: SliceDataset, *, resume: bool, skip_damaged: bool
) -> Checkpoint | None:
    """Record the configuration in a run's folder, and read the checkpoint to resume from.

    Returns
    -------
    Checkpoint or None
        None for a run that begins.

    Raises
    ------
    CheckpointError
        When the checkpoint is damaged or of another run or dataset.
    OutputError
        When the folder cannot be written.
    """
    checkpoint = resumed_checkpoint(run, skip_damaged=skip_damaged) if resume else None
    if checkpoint is not None:
        _check_same_run(run, checkpoint, config, dataset)
    values = config.model_dump(mode="json")
    with atomic_path(run / "config.json", overwrite=True) as pending:
        pending.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return checkpoint


def _check_same_run(
    run: Path, checkpoint: Checkpoint, config: TrainingConfig, dataset: SliceDataset
) -> None:
    # Keys that are younger than the checkpoint have their defaults.
    before = validated(TrainingConfig, checkpoint.config, raises=CheckpointError, where=str(run))
    for name in TrainingConfig.model_fields:
        was, now = getattr(before, name), getattr(config, name)
        if name not in RESUMABLE and was != now:
            raise CheckpointError(
                f"{run} was trained with {name} = {was}, not {now}; resume with the same value, or "
                "start a new run."
            )
    if checkpoint.dataset["fingerprint"] != dataset.fingerprint:
        raise CheckpointError(
            f"{run} was trained on a dataset other than {dataset.path}; resume with the original "
            "one."
        )
