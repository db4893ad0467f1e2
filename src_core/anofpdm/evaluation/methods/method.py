"""One method of the comparison: a trajectory of the network and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anofpdm.analysis.analysis import Analysis
from anofpdm.evaluation.subject import Floats, Prediction
from anofpdm.method.calibration import TimestepGrid
from anofpdm.method.interpretation import Interpretation, concatenate, interpret, interpret_many
from anofpdm.method.settings import Settings

MODEL: Final = "model"
REFINED: Final = "model, refined"


@dataclass(frozen=True)
class Method:
    """AnoFPDM under some settings.

    Attributes
    ----------
    name : str
        Unique in a comparison.
    family : str
        What it is compared in, such as "step maps".
    grid : TimestepGrid
        The trajectory; methods with the same grid share one pass of the network.
    settings : Settings
    end_factor : float or None
        Aggregate up to this multiple of t_e, to the nearest noise level of the grid; None is the
        settings' end step.
    own_map : bool
        Whether its map differs from those of the methods before it, and so is scored.
    """

    name: str
    family: str
    grid: TimestepGrid
    settings: Settings
    end_factor: float | None = None
    own_map: bool = True


def read_methods(analysis: Analysis, methods: Sequence[Method]) -> list[Interpretation]:
    """Interpret an analysis by several methods, reading its steps once for most of them."""
    plain = [method for method in methods if method.end_factor is None]
    read = iter(interpret_many(analysis, [method.settings for method in plain]) if plain else [])
    return [
        next(read) if method.end_factor is None else _beyond_end(analysis, method)
        for method in methods
    ]


def _beyond_end(analysis: Analysis, method: Method) -> Interpretation:
    """Interpret slice by slice up to a multiple of each slice's own t_e."""
    assert method.end_factor is not None
    natural = interpret(analysis, method.settings)
    wanted = method.end_factor * natural.end_step.mean(axis=1)
    levels = np.asarray(analysis.timesteps)
    nearest = levels[np.abs(levels[None] - wanted[:, None]).argmin(axis=1)]
    parts = [
        interpret(analysis, method.settings.model_copy(update={"end_step": int(end)}), [position])
        for position, end in enumerate(nearest)
    ]
    joined = concatenate(parts)
    return replace(joined, settings=method.settings)


def prediction_of(interpretation: Interpretation, mask: NDArray[np.bool_]) -> Prediction:
    """Return an interpretation as a prediction with a mask on other voxels.

    A slice is unhealthy as the settings judge it; where nothing judges, if its mask marks
    anything. Slices are scored by 1 - cosine and by the largest value of the filtered map.
    """
    marked = np.asarray(interpretation.mask.any(axis=(1, 2)))
    return Prediction(
        mask=mask,
        unhealthy=~interpretation.healthy if interpretation.settings.judges else marked,
        scores={
            "cosine": 1.0 - interpretation.cosine,
            "map": interpretation.filtered_map.max(axis=(1, 2)),
        },
    )


def curves_of(interpretation: Interpretation) -> dict[str, Floats]:
    """Cosine, M_te and t_e of each slice, the last two averaged over the scored modalities."""
    return {
        "cosine": interpretation.cosine,
        "divergence_at_end": interpretation.divergence_at_end.mean(axis=1),
        "end_step": interpretation.end_step.mean(axis=1),
    }
