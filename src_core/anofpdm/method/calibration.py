"""The result of guidance selection, stored in the bundle (docs/method.md#8-guidance-selection)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from anofpdm.method.refinement import Refinement

Process = Literal["ddim", "ddpm"]
Region = Literal["image", "brain"]
RuleKind = Literal["dynamic", "absolute"]
Polarity = Literal["both", "hyperintense", "hypointense"]
Criterion = Literal["accuracy", "balanced"]
Divergence = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Guidance = Annotated[float, Field(ge=0, le=1000)]
Cosine = Annotated[float, Field(ge=-1, le=1)]

ROUNDING = 1e-12
"""Of an accuracy: the difference that rounding makes to one that equals another on paper."""

PAPER_QUANTILE_RANGE = (0.90, 0.98)
"""a and b of Algorithm 1: the range of the quantile over the whole image."""
PAPER_MIN_COMPONENT_PIXELS = 40
PAPER_MEDIAN_KERNEL = 5


class Candidate(BaseModel):
    """One candidate guidance of the search.

    Attributes
    ----------
    guidance : float
        w.
    cosine_threshold : float
        Cos_w: a slice with a cosine at or below this value is unhealthy.
    accuracy : float
        Acc_w, the accuracy on the validation slices by the calibration's criterion, 0..1.
    max_divergence : tuple of float
        The largest M_{t_e} over the unhealthy slices at w, for each scored modality.
    map_threshold : float, optional
        The fixed threshold on the anomaly map for which "a component is marked" best separates
        unhealthy from healthy slices. None if it was not measured.
    map_accuracy : float, optional
        Accuracy of that threshold on the validation slices by the calibration's criterion, 0..1.
    sensitivity, specificity : float, optional
        Shares of the unhealthy and of the healthy validation slices that the calibration's rule
        classifies correctly, 0..1: by the map if measured, else by the cosine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    guidance: Guidance
    cosine_threshold: Cosine
    accuracy: Fraction
    max_divergence: tuple[Divergence, ...] = Field(min_length=1)
    map_threshold: Divergence | None = None
    map_accuracy: Fraction | None = None
    sensitivity: Fraction | None = None
    specificity: Fraction | None = None

    @property
    def rule_accuracy(self) -> float:
        """Accuracy of the calibration's rule, 0..1: by the map if measured, else by the cosine."""
        return self.accuracy if self.map_accuracy is None else self.map_accuracy


class Calibration(BaseModel):
    """Calibration of a bundle, valid for the process, grid and clipping it was measured with.

    Attributes
    ----------
    guidance : float
        w*, the selected guidance.
    cosine_threshold : float
        Cos_{w*}.
    max_divergence : tuple of float
        M_max for each scored modality at w*, all above 0.
    rule : {"dynamic", "absolute"}
        Default way to make the mask. "dynamic": the paper's dynamic quantile after the cosine gate.
        "absolute": `map_threshold` alone; a slice is unhealthy if it marks anything.
    map_threshold : float, optional
        The fixed threshold on the anomaly map at w*; required by the rule "absolute".
    map_extent : float
        Fraction of the fixed threshold down to which a marked spot extends; see
        `AbsoluteThreshold`.
    polarity : {"both", "hyperintense", "hypointense"}
        Which differences from healthy the map counts; see `Settings`.
    criterion : {"accuracy", "balanced"}
        How thresholds and guidance were chosen: by the share of slices classified correctly (the
        paper), or by the mean of that share among healthy and among unhealthy slices.
    process : {"ddim", "ddpm"}
    steps, t_max : int
        The strided grid: `steps` timesteps up to `t_max`.
    clip : bool
        Whether predictions are clipped to [-1, 1].
    quantile_range : dict
        a and b of Algorithm 1 for each region that the dynamic threshold may use.
    region : {"image", "brain"}
        Default region; a key of `quantile_range`.
    median_kernel : int
        Side of the median filter on the map, odd, in pixels of the network's grid.
    min_component_pixels : int
        Components with at most this filled area are removed, in pixels at 128x128.
    refinement : Refinement, optional
        How masks are redrawn on the scan's own voxels; None where they are not.
    refinement_source : str
        What the refinement was chosen on, in words; empty where it was not measured.
    candidates : tuple of Candidate
        All candidates of the search, in increasing order of guidance.
    slices : dict
        Number of validation slices used, for instance {"healthy": 500, "unhealthy": 480}.
    source : str
        Description of the slices.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    guidance: Guidance
    cosine_threshold: Cosine
    max_divergence: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)
    rule: RuleKind = "dynamic"
    map_threshold: Divergence | None = None
    map_extent: float = Field(default=1.0, gt=0, le=1)
    polarity: Polarity = "both"
    criterion: Criterion = "accuracy"
    process: Process
    steps: int = Field(ge=1)
    t_max: int = Field(ge=1)
    clip: bool = True
    quantile_range: dict[Region, tuple[Fraction, Fraction]] = Field(min_length=1)
    region: Region = "image"
    median_kernel: int = Field(default=PAPER_MEDIAN_KERNEL, ge=1, le=31)
    min_component_pixels: int = Field(default=PAPER_MIN_COMPONENT_PIXELS, ge=0)
    refinement: Refinement | None = None
    refinement_source: str = ""
    candidates: tuple[Candidate, ...] = ()
    slices: dict[str, int] = Field(default_factory=dict)
    source: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.region not in self.quantile_range:
            raise ValueError(f"region {self.region!r} has no entry in quantile_range")
        for region, (low, high) in self.quantile_range.items():
            if low > high:
                raise ValueError(f"quantile_range of {region!r} runs from {low} down to {high}")
        if any(len(c.max_divergence) != len(self.max_divergence) for c in self.candidates):
            raise ValueError("candidates and calibration differ in their number of modalities")
        if self.median_kernel % 2 == 0:
            raise ValueError(f"the median filter needs an odd width, not {self.median_kernel}")
        if self.rule == "absolute" and None in (
            self.map_threshold,
            *(c.map_threshold for c in self.candidates),
        ):
            raise ValueError("the rule 'absolute' needs a map_threshold, also for every candidate")
        return self

    @property
    def chosen(self) -> Candidate | None:
        """The candidate of w*; None if it was not measured."""
        return next((c for c in self.candidates if c.guidance == self.guidance), None)

    @property
    def told_apart(self) -> bool | None:
        """Whether w* classified the slices better than one class for all; None if not measured."""
        chosen = self.chosen
        counts = [self.slices.get(name, 0) for name in ("healthy", "unhealthy")]
        if chosen is None or not all(counts):
            return None
        alike = 0.5 if self.criterion == "balanced" else max(counts) / sum(counts)
        return chosen.rule_accuracy > alike + ROUNDING

    def at(self, guidance: float) -> Measured:
        """Return the thresholds for another guidance.

        Values between two candidates are interpolated linearly; beyond the outermost candidates
        they are constant.
        """
        if guidance == self.guidance or not self.candidates:
            return Measured(self.cosine_threshold, self.max_divergence, self.map_threshold)
        ordered = sorted(self.candidates, key=lambda candidate: candidate.guidance)
        grid = [candidate.guidance for candidate in ordered]
        cosine = float(np.interp(guidance, grid, [c.cosine_threshold for c in ordered]))
        divergences = zip(*(c.max_divergence for c in ordered), strict=True)
        thresholds = [c.map_threshold for c in ordered if c.map_threshold is not None]
        return Measured(
            cosine,
            tuple(float(np.interp(guidance, grid, row)) for row in divergences),
            float(np.interp(guidance, grid, thresholds)) if len(thresholds) == len(grid) else None,
        )


class Measured(NamedTuple):
    """Thresholds of a calibration for one guidance; see `Candidate` for the values."""

    cosine_threshold: float
    max_divergence: tuple[float, ...]
    map_threshold: float | None


@dataclass(frozen=True)
class TimestepGrid:
    """The grid of noise levels of a run.

    Attributes
    ----------
    process : {"ddim", "ddpm"}
    steps, t_max : int
        Noise levels looked at, spread evenly over 1..t_max.
    """

    process: Process
    steps: int
    t_max: int

    def __str__(self) -> str:
        return f"{self.process}, {self.steps} steps up to t = {self.t_max}"


def chosen_grid(
    calibration: Calibration | None,
    process: Process | None = None,
    steps: int | None = None,
    t_max: int | None = None,
) -> TimestepGrid:
    """Take what was given, else what the bundle was calibrated with, else DDIM, 30 up to 600."""
    default = TimestepGrid("ddim", 30, 600)
    if calibration is not None:
        default = TimestepGrid(calibration.process, calibration.steps, calibration.t_max)
    return TimestepGrid(
        default.process if process is None else process,
        default.steps if steps is None else steps,
        default.t_max if t_max is None else t_max,
    )
