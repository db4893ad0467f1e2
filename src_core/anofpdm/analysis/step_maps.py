"""Step maps and predictions of a stored analysis at one step of one slice, for display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.method.accumulators import SliceAccumulator, healthy_prediction

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.settings import Settings


@dataclass(frozen=True, eq=False)
class StepMaps:
    """One step of one slice.

    Attributes
    ----------
    sam : ndarray, shape (C, H, W), float32, >= 0
        The sub-anomaly map S_t (Eq. 19), or the variant that the settings name.
    healthy : ndarray, shape (C, H, W), float32
        The prediction guided toward health (Eq. 7), as strongly as a picture of it needs: see
        `AnalysisMetadata.picture_guidance`.
    unguided : ndarray, shape (C, H, W), float32
        The unguided prediction (Eq. 10). Both are clipped to [-1, 1] where the run clipped.
    """

    sam: NDArray[np.float32]
    healthy: NDArray[np.float32]
    unguided: NDArray[np.float32]


def step_maps(analysis: Analysis, settings: Settings, position: int, step: int) -> StepMaps:
    """Compute the maps of one step; `interpret` sums the same sub-anomaly maps up to t_e.

    Parameters
    ----------
    analysis : Analysis
    settings : Settings
        `guidance`, `sam` and `polarity` matter here.
    position : int
        Position of the slice, 0..S-1.
    step : int
        Index on the grid of timesteps, 0..K-1.

    Raises
    ------
    IndexError
        When there is no such slice or step.
    SettingsError
        When the network gave values that are not finite.
    """
    timesteps = analysis.timesteps
    if not 0 <= step < len(timesteps):
        raise IndexError(f"step {step} lies outside 0..{len(timesteps) - 1}")
    null, gap = (_one(array, step) for array in analysis.steps_of(position))
    x0 = _one(analysis.x0, position)
    t, clip, schedule = timesteps[step], analysis.clip, analysis.schedule
    # Over a grid of this step alone the aggregated map is the sub-anomaly map itself.
    alone = settings.model_copy(update={"end_step": None})
    accumulator = SliceAccumulator(x0, schedule, (t,), (alone,), clip=clip)
    accumulator.update(t, null, gap)
    sam = accumulator.result()[0].maps
    assert sam is not None
    null, gap = null.to(x0), gap.to(x0) * schedule.a(t)
    guidance = analysis.metadata.picture_guidance(settings.guidance)
    healthy = healthy_prediction(null, gap, guidance, clip=clip)
    unguided = null.clamp(-1.0, 1.0) if clip else null
    return StepMaps(*(of_slice[0].numpy() for of_slice in (sam, healthy, unguided)))


def _one(array: NDArray[Any], index: int) -> Tensor:
    return torch.from_numpy(np.array(array[index : index + 1]))
