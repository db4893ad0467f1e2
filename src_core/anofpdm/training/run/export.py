"""From a training checkpoint to an uncalibrated model bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from anofpdm.common.errors import CheckpointError
from anofpdm.common.validation import validated
from anofpdm.model.bundle_metadata import BundleMetadata
from anofpdm.training.config import TrainingConfig
from anofpdm.training.run.checkpoint_state import EMA_PREFIX, Checkpoint
from anofpdm.training.run.checkpoints import latest_checkpoint, load_checkpoint

if TYPE_CHECKING:
    from anofpdm.model.bundle import ModelBundle


def export_bundle(
    run_dir: str | Path,
    out: str | Path,
    *,
    checkpoint: str | Path | None = None,
    overwrite: bool = False,
    **texts: Any,
) -> ModelBundle:
    """Make an uncalibrated bundle of a finished or running run.

    Parameters
    ----------
    run_dir : str or Path
        The run's folder.
    out : str or Path
        The bundle: a folder, or one file where the name ends in .zip.
    checkpoint : str or Path, optional
        A checkpoint file; the run's latest by default.
    overwrite : bool
        Replace an existing bundle at `out`.
    **texts
        Fields of `BundleMetadata` (name, description, licence, ...) that replace the run's.

    Returns
    -------
    ModelBundle
        With the moving average of the weights in float16.

    Raises
    ------
    CheckpointError
        When there is no readable checkpoint.
    BundleError, SettingsError, OutputError
        When its values do not fit a bundle, or `out` cannot be written.
    """
    from anofpdm.model.bundle import ModelBundle

    path = latest_checkpoint(Path(run_dir)) if checkpoint is None else Path(checkpoint)
    state = load_checkpoint(path)
    config = validated(TrainingConfig, state.config, raises=CheckpointError, where=str(path))
    metadata = bundle_metadata(config, state.dataset, training_provenance(state), **texts)
    weights = {
        name.removeprefix(EMA_PREFIX): value
        for name, value in state.ema.items()
        if name.startswith(EMA_PREFIX)
    }
    return ModelBundle.create(metadata, weights, dtype="float16").save(out, overwrite=overwrite)


def bundle_metadata(
    config: TrainingConfig, dataset: dict[str, Any], training: dict[str, Any], **texts: Any
) -> BundleMetadata:
    """Metadata of the bundle that a run makes.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    dataset : dict
        `SliceDataset.description` of its data.
    training : dict
        Provenance of the weights, JSON values.
    **texts
        Fields that replace those of `config.bundle`.

    Raises
    ------
    SettingsError
        When something does not fit, such as an incomplete preprocessing configuration.
    """
    values = {
        **config.bundle.model_dump(),
        "network": config.network,
        "schedule": config.schedule.to_dict(),
        "max_timestep": config.max_timestep,
        "modalities": dataset["modalities"],
        "scored": dataset["scored"],
        "preprocessing": dataset["preprocessing"],
        "training": training,
        **texts,
    }
    return validated(BundleMetadata, values, where=f'The bundle "{values["name"]}"')


def training_provenance(state: Checkpoint) -> dict[str, Any]:
    """Return the training history of a checkpoint's weights, as JSON values."""
    described = ("network", "schedule", "bundle")
    return {
        "step": state.step,
        "minutes": round(state.elapsed_seconds / 60, 1),
        "loss": state.loss,
        "torch": str(torch.__version__),
        "started_from": state.started_from or None,
        "config": {k: v for k, v in state.config.items() if k not in described},
        "dataset": {
            key: state.dataset[key] for key in ("fingerprint", "slices", "subjects", "provenance")
        },
    }
