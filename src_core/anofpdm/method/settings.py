"""Settings of an interpretation: everything that can change without the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anofpdm.common.errors import SettingsError
from anofpdm.common.validation import validated
from anofpdm.method.calibration import (
    PAPER_MEDIAN_KERNEL,
    PAPER_MIN_COMPONENT_PIXELS,
    PAPER_QUANTILE_RANGE,
    Calibration,
    Cosine,
    Guidance,
    Polarity,
    Region,
)
from anofpdm.method.refinement import Refinement

Sam = Literal["sam", "sam_at_end", "gradient", "gradient_at_end", "weighted_gradient"]
"""Step maps: (iv), (iv) at t_e only, (i), (ii) and (iii) of appendix D, Table 2."""

OpenFraction = Annotated[float, Field(gt=0, lt=1)]


class DynamicQuantile(BaseModel):
    """The paper's threshold (Algorithm 1): a larger anomaly gets a lower quantile.

    Attributes
    ----------
    region : {"image", "brain"}
        Pixels over which the quantile is computed: the whole image (the paper) or the brain.
    low, high : float
        a and b: the quantile is `high` if M_{t_e} is 0 and `low` if it reaches M_max.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["dynamic"] = "dynamic"
    region: Region = "image"
    low: OpenFraction = PAPER_QUANTILE_RANGE[0]
    high: OpenFraction = PAPER_QUANTILE_RANGE[1]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) must not exceed high ({self.high})")
        return self


class ManualQuantile(BaseModel):
    """A fixed quantile of the anomaly map over the whole image or the brain."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["quantile"] = "quantile"
    quantile: OpenFraction = 0.95
    region: Region = "image"


class AbsoluteThreshold(BaseModel):
    """A fixed threshold on the anomaly map (squared intensity, network scale).

    Attributes
    ----------
    value : float
        Pixels where the map reaches this value are marked.
    extent : float
        In (0, 1]. Marked spots extend to connected pixels at `extent` times `value` or above
        (hysteresis). 1 means no extension.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["absolute"] = "absolute"
    value: float = Field(ge=0)
    extent: float = Field(default=1.0, gt=0, le=1)


ThresholdRule = DynamicQuantile | ManualQuantile | AbsoluteThreshold


class Settings(BaseModel):
    """How an analysis is turned into anomaly maps and masks.

    The defaults suit an uncalibrated bundle: a manual quantile inside the brain and no gate.
    `from_calibration` applies a bundle's calibration.

    Attributes
    ----------
    guidance : float
        w, 0..1000.
    end_step : int or None
        t_e; None uses argmax M_t for each slice and modality (Eq. 21). A given t must be on the
        grid.
    sam : str
        The step map that is aggregated; "sam" is Eq. 19.
    polarity : {"both", "hyperintense", "hypointense"}
        Which differences the map counts: all (the paper), or only where the scan is brighter or
        darker than the healthy-guided prediction. It changes maps and masks, but no curve, t_e or
        gate. See docs/method.md#121-polarity.
    threshold : DynamicQuantile, ManualQuantile or AbsoluteThreshold
        How the threshold on the anomaly map is chosen.
    max_divergence : tuple of float or None
        M_max for each scored modality; required by DynamicQuantile.
    gate : bool
        Give slices that the cosine classifies as healthy an empty mask (the "mixed" setup).
    cosine_threshold : float or None
        Slices with a cosine above this value are healthy; required by the gate.
    median_kernel : int
        Side of the median filter on the anomaly map, odd; 1 turns it off.
    min_component_pixels : int
        Components of a slice with at most this filled area are removed, in pixels of a 128x128
        image; on another grid it scales with the number of pixels. 0 removes none.
    min_component_ml : float
        Components of the final mask, on the scan's own voxels, that are smaller than this volume in
        millilitres are removed. 0 removes none.
    refinement : Refinement or None
        How the mask is redrawn on the scan's own voxels; None (the paper) keeps the network's mask.
        See docs/method.md#129-refinement-on-the-scan.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    guidance: Guidance = 1.0
    end_step: Annotated[int, Field(ge=1)] | None = None
    sam: Sam = "sam"
    polarity: Polarity = "both"
    threshold: Annotated[ThresholdRule, Field(discriminator="kind")] = ManualQuantile(
        region="brain"
    )
    max_divergence: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    gate: bool = False
    cosine_threshold: Cosine | None = None
    median_kernel: int = Field(default=PAPER_MEDIAN_KERNEL, ge=1, le=31)
    min_component_pixels: int = Field(default=PAPER_MIN_COMPONENT_PIXELS, ge=0)
    min_component_ml: float = Field(default=0.0, ge=0)
    refinement: Refinement | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.median_kernel % 2 == 0:
            raise ValueError(f"the median filter needs an odd width, not {self.median_kernel}")
        if self.gate and self.cosine_threshold is None:
            raise ValueError(
                "the gate needs a cosine_threshold: set one, or turn the gate off "
                "(an uncalibrated bundle has none)"
            )
        if isinstance(self.threshold, DynamicQuantile) and self.max_divergence is None:
            raise ValueError(
                "the dynamic threshold needs max_divergence (M_max): calibrate the bundle, or "
                "choose a manual quantile or an absolute threshold"
            )
        return self

    @property
    def judges(self) -> bool:
        """Whether slices are classified as healthy or unhealthy (gate or fixed threshold).

        A quantile alone marks pixels in every slice, so it cannot classify.
        """
        return self.gate or isinstance(self.threshold, AbsoluteThreshold)

    @classmethod
    def from_calibration(cls, calibration: Calibration, **overrides: Any) -> Settings:
        """Return the settings of a calibration, with `overrides` applied.

        Parameters
        ----------
        calibration : Calibration
            Source of w*, M_max, Cos_{w*}, polarity, median filter, smallest component, refinement
            and rule: the dynamic quantile with the gate, or the fixed threshold without it. For
            another `guidance`, thresholds and M_max are those measured for that guidance.
        **overrides
            Fields of `Settings`, or `region` to select the dynamic quantile of a region.

        Raises
        ------
        SettingsError
            When an override is out of range, or the region has no quantile range.
        """
        guidance = overrides.get("guidance", calibration.guidance)
        validated(cls, guidance=guidance)
        measured = calibration.at(guidance)
        values: dict[str, Any] = {
            "guidance": guidance,
            "max_divergence": measured.max_divergence,
            "polarity": calibration.polarity,
            "median_kernel": calibration.median_kernel,
            "min_component_pixels": calibration.min_component_pixels,
            "cosine_threshold": measured.cosine_threshold,
            "refinement": calibration.refinement,
        }
        if calibration.rule == "absolute" and "region" not in overrides:
            values["threshold"] = {
                "kind": "absolute",
                "value": measured.map_threshold,
                "extent": calibration.map_extent,
            }
        else:
            region = overrides.pop("region", calibration.region)
            values["threshold"] = _dynamic_quantile(calibration, region)
            values["gate"] = True
        # A quantile marks pixels in every slice, so only the gate can classify one as healthy.
        given = overrides.get("threshold")
        if given is not None and getattr(given, "kind", None) != "absolute":
            values["gate"] = True
        return validated(cls, **(values | overrides))

    def with_guidance(self, guidance: float, calibration: Calibration | None) -> Settings:
        """Return settings with another w, and thresholds and M_max as in `from_calibration`.

        A value changes only if it equals the calibration's value for the current w; a value chosen
        by hand is kept.

        Raises
        ------
        SettingsError
            When `guidance` is out of range.
        """
        values: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        changed = validated(type(self), **(values | {"guidance": guidance}))
        if calibration is None:
            return changed
        here, there = calibration.at(self.guidance), calibration.at(guidance)
        follow: dict[str, Any] = {
            name: getattr(there, name)
            for name in ("cosine_threshold", "max_divergence")
            if values[name] == getattr(here, name)
        }
        rule = self.threshold
        if isinstance(rule, AbsoluteThreshold) and rule.value == here.map_threshold:
            follow["threshold"] = rule.model_dump() | {"value": there.map_threshold}
        return validated(type(self), **(values | {"guidance": guidance} | follow))

    def check_fit(self, timesteps: Sequence[int], modalities: int) -> None:
        """Refuse settings that do not fit an analysis.

        Parameters
        ----------
        timesteps : sequence of int
            The noise levels that are analysed.
        modalities : int
            Number of scored modalities.

        Raises
        ------
        SettingsError
            When the end step is not an analysed noise level, or M_max has another number of
            modalities.
        """
        if self.end_step is not None and self.end_step not in timesteps:
            below = max((t for t in timesteps if t < self.end_step), default=None)
            above = min((t for t in timesteps if t > self.end_step), default=None)
            near = " or ".join(str(t) for t in (below, above) if t is not None)
            raise SettingsError(
                f"The end step {self.end_step} is not an analysed noise level; choose one that is, "
                f"such as {near}."
            )
        given = modalities if self.max_divergence is None else len(self.max_divergence)
        if given != modalities:
            raise SettingsError(
                f"The settings hold M_max for {given} modalities, but the model scores "
                f"{modalities}; use the model's own settings."
            )

    def check_reference(self, scored: Sequence[str]) -> None:
        """Refuse a refinement on a scan that is not among the scored modalities.

        Raises
        ------
        SettingsError
            When it is not.
        """
        if self.refinement is not None:
            self.refinement.reference(scored)

    def differences(self, other: Settings) -> dict[str, tuple[Any, Any]]:
        """Return the fields in which `other` differs, as (this value, other value)."""
        return {
            name: (mine, theirs)
            for name in type(self).model_fields
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
        }


def _dynamic_quantile(calibration: Calibration, region: Region) -> dict[str, Any]:
    if region not in calibration.quantile_range:
        known = ", ".join(sorted(calibration.quantile_range))
        raise SettingsError(
            f"The calibration has no quantile range for region {region!r}; it has {known}."
        )
    low, high = calibration.quantile_range[region]
    return {"kind": "dynamic", "region": region, "low": low, "high": high}
