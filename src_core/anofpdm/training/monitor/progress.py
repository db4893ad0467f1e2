"""Progress of a training run."""

from __future__ import annotations

from dataclasses import dataclass

from anofpdm.common.progress import Progress
from anofpdm.guidance.accuracy import GuidanceAccuracy

LOSS_MEMORY = 0.99
SPEED_MEMORY = 0.9


@dataclass(frozen=True, kw_only=True)
class TrainingProgress(Progress):
    """State of a run after a step.

    Attributes
    ----------
    loss : float
        Moving average of the training loss.
    lr : float
        Learning rate of the step.
    images_per_second : float
        Recent speed.
    elapsed_seconds : float
        Training time of all attempts together.
    validation : dict, optional
        Held-out losses, in the steps that measured them (see `HeldOutLoss`).
    accuracy : GuidanceAccuracy, optional
        Accuracy on held-out slices (see `HeldOutAccuracy`), in the same steps; None
        where the split lacks a class.
    """

    stage: str = "Training"
    loss: float
    lr: float
    images_per_second: float
    elapsed_seconds: float
    validation: dict[str, list[float]] | None = None
    accuracy: GuidanceAccuracy | None = None

    @property
    def step(self) -> int:
        """Steps done."""
        return self.done

    @property
    def steps(self) -> int:
        """Total number of steps."""
        return self.total


def held_out_mean(validation: dict[str, list[float]]) -> float:
    """Mean over the quartiles of the held-out loss with true labels; it decides what is best."""
    return sum(validation["label"]) / len(validation["label"])


def moving(average: float | None, value: float, memory: float) -> float:
    """Return the exponential moving average after one more value."""
    return value if average is None else memory * average + (1 - memory) * value
