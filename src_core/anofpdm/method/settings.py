"""The settings of an interpretation: everything that needs no network to change."""

from __future__ import annotations

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

Sam = Literal["sam", "sam_at_end", "gradient", "gradient_at_end", "weighted_gradient"]
"""Sub-anomaly maps of METHOD 5: (iv), (iv) at t_e only, (i), (ii) and (iii) of Table 2."""

OpenFraction = Annotated[float, Field(gt=0, lt=1)]


class DynamicQuantile(BaseModel):
    """The paper's threshold (METHOD 6): a larger anomaly gets a lower quantile.

    Attributes
    ----------
    region : {"image", "brain"}
        Pixels whose quantile is taken: the whole image (the paper's), or the brain's foreground.
    low, high : float
        a and b: the quantile is `high` where M_{t_e} is 0 and `low` where it reaches M_max.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    """A fixed quantile of the anomaly map, in the whole image or in the brain's foreground."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["quantile"] = "quantile"
    quantile: OpenFraction = 0.95
    region: Region = "image"


class AbsoluteThreshold(BaseModel):
    """A fixed value of the anomaly map (squared intensity, network scale).

    Attributes
    ----------
    value : float
        A spot is marked where the map reaches this.
    extent : float
        Share of the value down to which a marked spot extends, above 0 to 1: its connected pixels
        at `extent` times the value or more (hysteresis). 1 marks the pixels at the value alone,
        0.5 is the half maximum.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["absolute"] = "absolute"
    value: float = Field(ge=0, allow_inf_nan=False)
    extent: float = Field(default=1.0, gt=0, le=1)


ThresholdRule = DynamicQuantile | ManualQuantile | AbsoluteThreshold


class Settings(BaseModel):
    """How an analysis is turned into anomaly maps and masks.

    The defaults suit an uncalibrated bundle, of which nothing is known: a manual quantile inside
    the brain and no gate. `from_calibration` gives the paper's dynamic threshold and gate.

    Attributes
    ----------
    guidance : float
        w, 0..1000.
    end_step : int or None
        t_e; None takes argmax M_t per slice and modality (Eq. 21). A given t must be on the grid.
    sam : str
        The sub-anomaly map that is aggregated; "sam" is Eq. 19.
    polarity : {"both", "hyperintense", "hypointense"}
        Which departures from health the map counts: all (the paper), or those alone where the
        scan is brighter, or darker, than the healthy-guided prediction; the others count 0. It
        changes maps and masks, no curve, and so neither t_e nor the gate.
    threshold : DynamicQuantile, ManualQuantile or AbsoluteThreshold
        How the threshold on the anomaly map is chosen.
    max_divergence : tuple of float or None
        M_max per scored modality; DynamicQuantile needs it.
    gate : bool
        Give slices that the cosine calls healthy an empty mask (the "mixed" setup).
    cosine_threshold : float or None
        Slices with a cosine above it are healthy; the gate needs it.
    median_kernel : int
        Side of the median filter on the anomaly map, odd; 1 switches it off.
    min_component_pixels : int
        In-plane components whose filled area is at most this many pixels of a 128x128 image are
        removed; on another grid it scales with the number of pixels. 0 removes none.
    min_component_ml : float
        Components of the mask on the scan's own voxels that are smaller than this many
        millilitres are removed where results are brought back to the scan. 0 removes none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    guidance: Guidance = 1.0
    end_step: Annotated[int, Field(ge=1)] | None = None
    sam: Sam = "sam"
    polarity: Polarity = "both"
    threshold: Annotated[ThresholdRule, Field(discriminator="kind")] = ManualQuantile(
        region="brain"
    )
    max_divergence: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] | None = None
    gate: bool = False
    cosine_threshold: Cosine | None = None
    median_kernel: int = Field(default=PAPER_MEDIAN_KERNEL, ge=1, le=31)
    min_component_pixels: int = Field(default=PAPER_MIN_COMPONENT_PIXELS, ge=0)
    min_component_ml: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.median_kernel % 2 == 0:
            raise ValueError(f"width of the median filter must be odd; got {self.median_kernel}")
        if self.gate and self.cosine_threshold is None:
            raise ValueError(
                "the gate needs a cosine_threshold: give one, or switch the gate off "
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
        """Whether slices are called healthy or unhealthy: by the gate, or by a fixed threshold.

        A quantile alone marks something in every slice, sick or not.
        """
        return self.gate or isinstance(self.threshold, AbsoluteThreshold)

    @classmethod
    def from_calibration(cls, calibration: Calibration, **overrides: Any) -> Settings:
        """Take the settings a calibration asks for, with `overrides` on top.

        Parameters
        ----------
        calibration : Calibration
            Gives w*, M_max, Cos_{w*}, polarity, median, smallest component, and its rule: the
            dynamic quantile of its region behind the gate, or its fixed threshold without one. With
            another `guidance`, the thresholds and M_max are those measured for it.
        **overrides
            Fields of `Settings`; `region` in addition asks for the dynamic quantile of a region.

        Raises
        ------
        SettingsError
            When an override is out of its range, or the region has no quantile range.
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
        # A quantile marks something in every slice, so that only the gate can call one healthy.
        given = overrides.get("threshold")
        if given is not None and getattr(given, "kind", None) != "absolute":
            values["gate"] = True
        return validated(cls, **(values | overrides))

    def with_guidance(self, guidance: float, calibration: Calibration | None) -> Settings:
        """Change w; the thresholds and M_max follow it as in `from_calibration`.

        Each follows only where it is what the calibration measured for the present w: a value
        chosen by hand stays.

        Raises
        ------
        SettingsError
            When `guidance` is out of its range.
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

    def differences(self, other: Settings) -> dict[str, tuple[Any, Any]]:
        """Fields in which `other` differs, each with (this value, other value)."""
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
