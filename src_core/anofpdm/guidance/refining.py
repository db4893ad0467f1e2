"""Calibrate the refinement on a dataset's slices (docs/method.md#129-refinement-on-the-scan)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.guidance.rules import best_map_threshold
from anofpdm.method.calibration import Criterion, Polarity
from anofpdm.method.refinement import Refinement
from anofpdm.results.metrics import dice
from anofpdm.results.refinement import candidates, drawn
from anofpdm.results.standardized_scan import robust_deviations, toward

if TYPE_CHECKING:
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.scans.preprocessing_config import PreprocessingConfig

BORDERS = tuple(np.arange(0.5, 4.01, 0.25).tolist())
"""Borders that are compared where masks are known, in robust standard deviations."""
_NOTHING = -1e6  # the score of a slice in which nothing could be marked; below any z


@dataclass(frozen=True)
class RefinementChoice:
    """What the slices say about the refinement.

    Attributes
    ----------
    refinement : Refinement or None
        None where the mask without it is at least as good.
    source : str
        What it was chosen on, and how well it did, in words.
    """

    refinement: Refinement | None
    source: str


def check_refinable(config: PreprocessingConfig) -> None:
    """Refuse slices whose pixels have no size in mm, or no common intensity scale.

    Raises
    ------
    SettingsError
        When the field of view is stretched, or each slice has a scale of its own.
    """
    if config.field_of_view != "fixed":
        raise SettingsError(
            "The refinement cannot be calibrated for a model with a stretched field of view, "
            "because its pixels have no fixed size in mm; leave out --refine."
        )
    if config.intensity == "slice_minmax":
        raise SettingsError(
            "The refinement cannot be calibrated on slices that are scaled one by one "
            "(slice_minmax), because they lack the brain's common intensity; leave out --refine."
        )


class RefinementTrial:
    """Tries the refinement on slices of the network's grid, a batch at a time.

    Median and deviation are those of each subject's slices. A slice is refined by itself and
    without smoothing, since a pixel already averages over several voxels.

    Parameters
    ----------
    images : array
        Slices of the reference modality, (S, H, W), in [-1, 1].
    foreground : array
        The brain, (S, H, W), bool.
    subject : array
        Subject of each slice, (S,).
    truth : array or None
        Known lesions, (S, H, W), bool.
    config : PreprocessingConfig
    polarity : {"both", "hyperintense", "hypointense"}
    """

    def __init__(
        self,
        images: NDArray[Any],
        foreground: NDArray[np.bool_],
        subject: NDArray[np.integer[Any]],
        truth: NDArray[np.bool_] | None,
        config: PreprocessingConfig,
        polarity: Polarity,
    ) -> None:
        check_refinable(config)
        assert config.extent_mm is not None
        pixel = config.extent_mm / config.size
        self._affine = np.diag([1.0, pixel, pixel, 1.0])
        self._foreground, self._truth = foreground, truth
        self._start = Refinement()
        self._z = np.zeros(images.shape, dtype=np.float32)
        for number in np.unique(subject):
            own = subject == number
            z = robust_deviations(images[own].astype(np.float32), foreground[own])
            self._z[own] = toward(z, polarity)
        self._coarse: list[float] = []
        self._refined: list[list[float]] = []
        self._marked: list[bool] = []
        self._highest: list[float] = []

    def add(self, result: Interpretation) -> None:
        """Take the next slices, in order, as they are interpreted without refinement."""
        spots = candidates(result, self._start.share)
        for mask, spot in zip(result.mask, spots, strict=True):
            self._add(mask, spot)

    def _add(self, mask: NDArray[np.bool_], spot: NDArray[np.bool_]) -> None:
        row = len(self._marked)
        z, brain = self._z[row], self._foreground[row]
        candidate = spot & brain  # which alone can hold a core
        self._marked.append(bool(mask.any()))
        self._highest.append(float(z[candidate].max()) if candidate.any() else _NOTHING)
        if self._truth is not None:
            truth = self._truth[row]
            self._coarse.append(dice(mask, truth))
            self._refined.append(
                [dice(self._drawn(z, candidate, brain, b), truth) for b in BORDERS]
            )

    def _drawn(
        self,
        z: NDArray[np.float32],
        spot: NDArray[np.bool_],
        brain: NDArray[np.bool_],
        border: float,
    ) -> NDArray[np.bool_]:
        rule = self._with_border(border)
        found: NDArray[np.bool_] = drawn(z[None], spot[None], brain[None], self._affine, rule)[0]
        return found

    def _with_border(self, border: float) -> Refinement:
        return self._start.model_copy(update={"border": border})

    def choose(self, labels: NDArray[np.integer[Any]], criterion: Criterion) -> RefinementChoice:
        """Choose the refinement from all slices.

        Parameters
        ----------
        labels : array
            0 healthy, 1 unhealthy, (S,).
        criterion : {"accuracy", "balanced"}
            See `Calibration`; used where no masks are known.
        """
        unhealthy = labels == 1
        if self._truth is not None:
            return self._by_masks(unhealthy)
        return self._by_labels(unhealthy, criterion)

    def _by_masks(self, unhealthy: NDArray[np.bool_]) -> RefinementChoice:
        refined = np.array(self._refined)[unhealthy].mean(axis=0)
        coarse = float(np.array(self._coarse)[unhealthy].mean())
        # Of borders that do equally well, which contrast makes many, the one nearest the default.
        by_nearness = np.argsort(np.abs(np.array(BORDERS) - self._start.border), kind="stable")
        best = int(by_nearness[np.argmax(refined[by_nearness])])
        source = (
            f"mean DICE of {int(unhealthy.sum())} unhealthy slices with known masks: "
            f"{refined[best]:.3f} with refinement, {coarse:.3f} without"
        )
        won = refined[best] > coarse
        return RefinementChoice(self._with_border(BORDERS[best]) if won else None, source)

    def _by_labels(self, unhealthy: NDArray[np.bool_], criterion: Criterion) -> RefinementChoice:
        highest, marked = np.array(self._highest), np.array(self._marked)
        border = self._start.border
        # Distance above the border; `best_map_threshold` compares values from 0 on.
        above = np.where(marked, np.maximum(highest - border, 0.0), 0.0)
        without = _accuracy(marked, unhealthy, criterion)
        best, _ = best_map_threshold(above, unhealthy, criterion)
        found = {
            core: _accuracy(marked & (highest >= border + core), unhealthy, criterion)
            for core in (0.0, best)
        }
        core = best if found[best] > found[0.0] else 0.0
        source = (
            f"{'balanced accuracy' if criterion == 'balanced' else 'accuracy'} of {len(marked)} "
            f"slice labels: {found[core]:.3f} with refinement, {without:.3f} without; the labels "
            "chose its core, its border is the default"
        )
        return RefinementChoice(self._start.model_copy(update={"core": core}), source)


def _accuracy(
    called: NDArray[np.bool_], unhealthy: NDArray[np.bool_], criterion: Criterion
) -> float:
    right = called == unhealthy
    if criterion == "accuracy":
        return float(right.mean())
    return float((right[unhealthy].mean() + right[~unhealthy].mean()) / 2)
