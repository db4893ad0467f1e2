"""Turn the steps of an analysis, stored or live, into maps and masks, without the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.common.errors import SettingsError
from anofpdm.method.accumulators import Accumulated, SliceAccumulator
from anofpdm.method.forward_process import Step
from anofpdm.method.postprocessing import median_filter, remove_small_components
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.method.settings import Settings
from anofpdm.method.thresholds import error_cosine, slice_quantiles, slice_threshold, thresholded

Floats = NDArray[np.floating]
_VALUES_AT_ONCE = 1 << 17
"""Of a stored slice's steps: large enough to make few calls, small enough for a core's cache."""


class StoredSteps(Protocol):
    """The parts of an `Analysis` used here: the slices and the predictions at each step."""

    @property
    def timesteps(self) -> tuple[int, ...]:
        """The grid, length K."""

    @property
    def schedule(self) -> NoiseSchedule:
        """The model's noise schedule."""

    @property
    def clip(self) -> bool:
        """Whether predictions are clipped to [-1, 1]."""

    @property
    def scored(self) -> tuple[str, ...]:
        """Names of the C scored modalities."""

    @property
    def slice_ids(self) -> NDArray[np.integer[Any]]:
        """Identity of each slice, (S,)."""

    @property
    def x0(self) -> NDArray[np.float32]:
        """The slices, (S, C, H, W), in [-1, 1]."""

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """The brain, (S, H, W)."""

    def steps_of(self, slice_position: int, /) -> tuple[NDArray[Any], NDArray[Any]]:
        """x0_null and eps_gap of one slice, each (K, C, H, W)."""


@dataclass(frozen=True, eq=False)
class Interpretation:
    """Curves, maps and masks of S slices under one `Settings`; numpy arrays throughout.

    Floating arrays have the dtype of the slices (float32) where not stated otherwise.

    Attributes
    ----------
    settings : Settings
    timesteps : array
        The grid, (K,), int64.
    slice_ids : array
        Identity of each slice, (S,), int64.
    modalities : tuple of str
        The scored modalities, in the order of C.
    divergence, mse_healthy, mse_null : array
        M_t (Eq. 12, 13) and the error curves (Eq. 14, 16), (S, C, K).
    cosine : array
        Eq. 18, (S,), float64, 0..1.
    end_step : array
        t_e (Eq. 21), or the one given, (S, C), int64.
    divergence_at_end : array
        M_{t_e}, (S, C).
    maps : array
        H of Eq. 20 for each modality, (S, C, H, W), >= 0.
    anomaly_map : array
        H averaged over modalities, not filtered, (S, H, W).
    filtered_map : array
        The same after the median filter, (S, H, W); the mask is computed from it.
    quantile : array
        Q's quantile, (S, C), float64; nan with an absolute threshold.
    threshold : array
        The value compared with the map, (S,), float64.
    healthy : array
        (S,), bool: cosine above its threshold; with the gate off and a fixed threshold, nothing is
        marked. False everywhere where nothing judges (`Settings.judges`).
    mask : array
        (S, H, W), bool, after the removal of small in-plane components.
    """

    settings: Settings
    timesteps: NDArray[np.int64]
    slice_ids: NDArray[np.int64]
    modalities: tuple[str, ...]
    divergence: Floats
    mse_healthy: Floats
    mse_null: Floats
    cosine: NDArray[np.float64]
    end_step: NDArray[np.int64]
    divergence_at_end: Floats
    maps: Floats
    anomaly_map: Floats
    filtered_map: Floats
    quantile: NDArray[np.float64]
    threshold: NDArray[np.float64]
    healthy: NDArray[np.bool_]
    mask: NDArray[np.bool_]


# Settings on which curves and maps rest; the others only decide what is marked.
_ACCUMULATION = frozenset({"guidance", "sam", "polarity", "end_step"})
_DECIDED = ("settings", "filtered_map", "quantile", "threshold", "healthy", "mask")


def decide_again(
    former: Interpretation, settings: Settings, foreground: NDArray[np.bool_]
) -> Interpretation | None:
    """Interpret the same slices under other settings without going through their steps again.

    Parameters
    ----------
    former : Interpretation
    settings : Settings
    foreground : array
        The brain of the slices, (S, H, W), bool.

    Returns
    -------
    Interpretation or None
        What `interpret` returns; None where the settings change curves or maps.
    """
    if not _ACCUMULATION.isdisjoint(former.settings.differences(settings)):
        return None
    names = [name for name in Interpretation.__dataclass_fields__ if name not in _DECIDED]
    accumulated = {name: getattr(former, name) for name in names}
    return _decided(accumulated, settings, np.asarray(foreground))


def interpret(
    analysis: StoredSteps, settings: Settings, slices: Sequence[int] | None = None
) -> Interpretation:
    """Interpret a stored analysis, slice by slice; memory holds one slice's steps at a time.

    Parameters
    ----------
    analysis : StoredSteps
        An `Analysis`.
    settings : Settings
    slices : sequence of int, optional
        Positions of slices in the analysis; all by default.

    Raises
    ------
    SettingsError
        When the settings do not fit the analysis (end step, number of modalities), or a position
        is outside it.
    """
    return interpret_many(analysis, [settings], slices)[0]


def interpret_many(
    analysis: StoredSteps, settings: Sequence[Settings], slices: Sequence[int] | None = None
) -> list[Interpretation]:
    """Interpret under several settings at once, reading every slice's steps only once.

    Parameters and errors are those of `interpret`; one result per setting, in their order.
    """
    total = len(analysis.slice_ids)
    positions = list(range(total)) if slices is None else [int(s) for s in slices]
    if not positions or not all(0 <= position < total for position in positions):
        raise SettingsError(f"Slice positions must lie in 0..{total - 1}; got {positions}.")
    gathered = [_interpret_slice(analysis, settings, position) for position in positions]
    return [concatenate([of_slice[i] for of_slice in gathered]) for i in range(len(settings))]


def interpret_stream(
    steps: Iterable[Step],
    x0: Tensor,
    foreground: NDArray[np.bool_],
    schedule: NoiseSchedule,
    timesteps: Sequence[int],
    settings: Sequence[Settings],
    *,
    slice_ids: Sequence[int],
    modalities: Sequence[str],
    clip: bool = True,
) -> list[Interpretation]:
    """Interpret live steps, in memory independent of their number.

    Parameters
    ----------
    steps : iterable of Step
        All steps of the grid in order, with the scored channels only (`Step.channels`).
    x0 : Tensor
        The scored channels of the slices, (N, C, H, W).
    foreground : array
        The brain, (N, H, W), bool.
    schedule : NoiseSchedule
    timesteps : sequence of int
        The grid.
    settings : sequence of Settings
        One result for each; the steps are walked once.
    slice_ids : sequence of int
        Identity of each slice.
    modalities : sequence of str
        Names of the C scored modalities.
    clip : bool
        Whether predictions are clipped to [-1, 1].

    Raises
    ------
    SettingsError
        When the settings do not fit the steps or the modalities.
    """
    accumulator = SliceAccumulator(x0, schedule, timesteps, settings, clip=clip)
    for step in steps:
        accumulator.update(step.t, step.x0_null, step.eps_gap)
    return [
        _finish(result, one, foreground, tuple(timesteps), slice_ids, tuple(modalities))
        for one, result in zip(settings, accumulator.result(), strict=True)
    ]


def concatenate(parts: Sequence[Interpretation]) -> Interpretation:
    """Join interpretations of different slices under the same settings, in the order given."""

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    per_slice = [
        name
        for name in Interpretation.__dataclass_fields__
        if name not in ("settings", "timesteps", "modalities")
    ]
    first = parts[0]
    return Interpretation(
        settings=first.settings,
        timesteps=first.timesteps,
        modalities=first.modalities,
        **{name: joined(name) for name in per_slice},
    )


def _interpret_slice(
    analysis: StoredSteps, settings: Sequence[Settings], position: int
) -> list[Interpretation]:
    """All settings for one stored slice."""
    here = slice(position, position + 1)
    timesteps = analysis.timesteps
    x0_null, eps_gap = (_tensor(array) for array in analysis.steps_of(position))
    accumulator = SliceAccumulator(
        _tensor(analysis.x0[here]), analysis.schedule, timesteps, settings, clip=analysis.clip
    )
    together = max(1, _VALUES_AT_ONCE // x0_null[0].numel())
    for first in range(0, len(timesteps), together):
        steps = slice(first, first + together)
        accumulator.update_all(timesteps[steps], x0_null[steps, None], eps_gap[steps, None])
    foreground = np.asarray(analysis.foreground[here])
    slice_ids = [int(analysis.slice_ids[position])]
    return [
        _finish(result, one, foreground, tuple(timesteps), slice_ids, analysis.scored)
        for one, result in zip(settings, accumulator.result(), strict=True)
    ]


def _marked(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask.any(axis=(1, 2)))


def _tensor(array: Any) -> Tensor:
    # Torch warns about read-only arrays; only those are copied.
    return torch.from_numpy(np.require(array, requirements="W"))


def _finish(
    result: Accumulated,
    settings: Settings,
    foreground: NDArray[np.bool_],
    timesteps: tuple[int, ...],
    slice_ids: Sequence[int],
    modalities: tuple[str, ...],
) -> Interpretation:
    """From the accumulators to masks (Algorithms 1 and 2)."""
    assert result.maps is not None
    mse_healthy, mse_null = result.mse_healthy.cpu().numpy(), result.mse_null.cpu().numpy()
    maps = result.maps.cpu().numpy()
    accumulated = {
        "timesteps": np.array(timesteps, dtype=np.int64),
        "slice_ids": np.array(slice_ids, dtype=np.int64),
        "modalities": modalities,
        "divergence": result.divergence.cpu().numpy(),
        "mse_healthy": mse_healthy,
        "mse_null": mse_null,
        "cosine": error_cosine(mse_healthy, mse_null),
        "end_step": np.array(timesteps, dtype=np.int64)[result.end_index.cpu().numpy()],
        "divergence_at_end": result.divergence_at_end.cpu().numpy(),
        "maps": maps,
        "anomaly_map": maps.mean(axis=1),
    }
    return _decided(accumulated, settings, foreground)


def _decided(
    accumulated: dict[str, Any], settings: Settings, foreground: NDArray[np.bool_]
) -> Interpretation:
    """Thresholds and masks, from the fields of an interpretation that hold neither."""
    rule, maps, cosine = settings.threshold, accumulated["maps"], accumulated["cosine"]
    at_end, anomaly_map = accumulated["divergence_at_end"], accumulated["anomaly_map"]
    quantile = np.stack([slice_quantiles(m, rule, settings.max_divergence) for m in at_end])
    thresholds = np.array(
        [
            slice_threshold(h, brain, rule, q)
            for h, brain, q in zip(maps, foreground, quantile, strict=True)
        ]
    )
    gated = np.zeros(len(cosine), dtype=bool)
    if settings.gate and settings.cosine_threshold is not None:
        gated = cosine > settings.cosine_threshold
    filtered = np.stack([median_filter(h, settings.median_kernel) for h in anomaly_map])
    mask: NDArray[np.bool_] = np.zeros(filtered.shape, dtype=bool)
    for i in np.flatnonzero(~gated):
        found = thresholded(filtered[i], foreground[i], rule, float(thresholds[i]))
        mask[i] = remove_small_components(found, settings.min_component_pixels)
    return Interpretation(
        settings=settings,
        **accumulated,
        filtered_map=filtered,
        quantile=quantile,
        threshold=thresholds,
        healthy=gated if settings.gate or not settings.judges else ~_marked(mask),
        mask=mask,
    )
