"""The state in a checkpoint: checked before PyTorch works with it, and put into a trainer.

An optimizer takes moments of any shape, and then writes beyond them; so each tensor must have the
shape and dtype that the run's network gives it, and finite values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from anofpdm.model.torch_file import plain_tensors
from anofpdm.model.unet import UNet
from anofpdm.training.config import TrainingConfig

if TYPE_CHECKING:
    from anofpdm.training.step.trainer import Trainer

EMA_PREFIX: Final = "module."
_AVERAGED: Final = "n_averaged"
_MOMENTS: Final = ("exp_avg", "exp_avg_sq")
_STEP: Final = "step"
_DESCRIBED: Final = (
    "fingerprint",
    "modalities",
    "scored",
    "preprocessing",
    "slices",
    "subjects",
    "provenance",
)

Shapes = Mapping[str, torch.Size]


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


class UnfitStateError(ValueError):
    """What a checkpoint holds is not the state of its run; the text says what, as a clause."""


def check_values(checkpoint: Checkpoint) -> None:
    """Check the values besides the tensors.

    Raises
    ------
    UnfitStateError
        Naming the first that is unfit.
    """
    counted = type(checkpoint.step) is int and checkpoint.step >= 0
    numbers = [checkpoint.elapsed_seconds, checkpoint.loss]
    numbers += [] if checkpoint.best_loss is None else [checkpoint.best_loss]
    if not counted or not all(type(n) in (int, float) and math.isfinite(n) for n in numbers):
        raise UnfitStateError("its step, time or loss is no number")
    for name in ("config", "dataset", "network", "ema", "optimizer"):
        if not isinstance(getattr(checkpoint, name), dict):
            raise UnfitStateError(f"its {name} is no table")
    if not isinstance(checkpoint.started_from, str):
        raise UnfitStateError("its origin is no text")
    for name in _DESCRIBED:
        if name not in checkpoint.dataset:
            raise UnfitStateError(f"its dataset lacks {name}")


def check_tensors(checkpoint: Checkpoint, config: TrainingConfig) -> None:
    """Check weights, moving average and moments against the run's network.

    Parameters
    ----------
    checkpoint : Checkpoint
        See `check_values`.
    config : TrainingConfig
        The run's, from the checkpoint.

    Raises
    ------
    UnfitStateError
        Naming the first tensor that is missing, unknown, or of another shape, dtype or range.
    """
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in UNet(config.network).state_dict().items()}
    _check("network", checkpoint.network, shapes)
    ema = dict(checkpoint.ema)
    _check_count("ema", ema.pop(_AVERAGED, None))
    _check("ema", ema, {EMA_PREFIX + name: shape for name, shape in shapes.items()})
    _check_optimizer(checkpoint.optimizer, list(shapes.values()))


def restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Put a checked checkpoint's state into the trainer of its run.

    Parameters
    ----------
    trainer : Trainer
        At its beginning; rates and the like remain its own.
    checkpoint : Checkpoint
        As `load_checkpoint` returns it.
    """
    trainer.network.load_state_dict(checkpoint.network)
    trainer.ema.load_state_dict(checkpoint.ema)
    # Fused steps take moments to lie in memory as the weights do.
    laid = {
        number: {
            key: torch.empty_like(parameter).copy_(value) if key in _MOMENTS else value
            for key, value in checkpoint.optimizer["state"][number].items()
        }
        for number, parameter in enumerate(trainer.network.parameters())
        if number in checkpoint.optimizer["state"]
    }
    groups = trainer.optimizer.state_dict()["param_groups"]
    trainer.optimizer.load_state_dict({"state": laid, "param_groups": groups})


def _check_optimizer(optimizer: Mapping[str, Any], shapes: list[torch.Size]) -> None:
    numbers = list(range(len(shapes)))
    groups, state = optimizer.get("param_groups"), optimizer.get("state")
    if not (
        isinstance(groups, list)
        and len(groups) == 1
        and isinstance(groups[0], dict)
        and groups[0].get("params") == numbers
    ):
        raise UnfitStateError("its optimizer is of other weights")
    if not isinstance(state, dict) or (state and set(state) != set(numbers)):
        raise UnfitStateError("its optimizer lacks the moments of a weight, or has more")
    for number, moments in state.items():
        where = f"optimizer's state {number}"
        if not isinstance(moments, dict):
            raise UnfitStateError(f"its {where} is no table")
        entries = dict(moments)
        _check_count(where, entries.pop(_STEP, None))
        _check(where, entries, dict.fromkeys(_MOMENTS, shapes[number]))
        if bool((entries["exp_avg_sq"] < 0).any()):
            raise UnfitStateError(f"its {where} has a negative mean of squares")


def _check_count(where: str, value: object) -> None:
    single = isinstance(value, Tensor) and value.dim() == 0 and plain_tensors([value], 8)
    if not single or not 0 <= float(value) < 2**53:  # type: ignore[arg-type]
        raise UnfitStateError(f"its {where} has no count of steps")


def _check(where: str, found: Mapping[Any, Any], expected: Shapes) -> None:
    for name in expected:
        if name not in found:
            raise UnfitStateError(f"its {where} lacks {name}")
    for name, value in found.items():
        if name not in expected:
            raise UnfitStateError(f"its {where} has the unknown entry {name!r}")
        size = 4 * math.prod(expected[name])
        if (
            not isinstance(value, Tensor)
            or value.shape != expected[name]
            or value.dtype != torch.float32
            or not plain_tensors([value], size)
        ):
            raise UnfitStateError(
                f"its {where} has {name} otherwise than as {tuple(expected[name])} float32 numbers"
            )
        if not bool(torch.isfinite(value).all()):
            raise UnfitStateError(f"its {where} has values in {name} that are not finite")
