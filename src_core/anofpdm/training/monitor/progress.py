"""How far a training run has come."""

from __future__ import annotations

from dataclasses import dataclass

from anofpdm.guidance.accuracy import GuidanceAccuracy

LOSS_MEMORY = 0.99
SPEED_MEMORY = 0.9


@dataclass(frozen=True)
class TrainingProgress:
    """State of a run after a step.

    Attributes
    ----------
    step, steps : int
        Steps done, and to be done in all.
    loss : float
        Moving average of the training loss.
    lr : float
        Learning rate of the step.
    images_per_second : float
        Recent speed.
    elapsed_seconds, seconds_left : float
        Training time of all attempts together, and the estimate of what remains.
    validation : dict, optional
        Held-out losses, in the steps that measured them (see `HeldOutLoss`).
    accuracy : GuidanceAccuracy, optional
        How well held-out slices were told apart (see `HeldOutAccuracy`), in the same steps; None
        where the split lacks a class.
    """

    step: int
    steps: int
    loss: float
    lr: float
    images_per_second: float
    elapsed_seconds: float
    seconds_left: float
    validation: dict[str, list[float]] | None = None
    accuracy: GuidanceAccuracy | None = None


def held_out_mean(validation: dict[str, list[float]]) -> float:
    """Mean over the quartiles of the held-out loss with true labels; it decides what is best."""
    return sum(validation["label"]) / len(validation["label"])


def moving(average: float | None, value: float, memory: float) -> float:
    """Return the exponential moving average after one more value."""
    return value if average is None else memory * average + (1 - memory) * value
