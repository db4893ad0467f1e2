"""The options that read a result from an analysis, as one value, and the `Settings` they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.option_groups import refinement as refining
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.common.errors import SettingsError
from anofpdm.common.validation import validated
from anofpdm.method.calibration import Calibration
from anofpdm.method.settings import AbsoluteThreshold, ManualQuantile, Settings


@dataclass(frozen=True)
class ReadingOptions:
    """What a user gave of these options; None means not given."""

    guidance: opt.GuidanceOption = None
    end_step: opt.EndStepOption = None
    threshold: opt.ThresholdOption = None
    quantile: opt.QuantileOption = None
    region: opt.RegionOption = None
    sam: opt.SamOption = "sam"
    polarity: opt.PolarityOption = None
    no_gate: opt.NoGateOption = False
    median: opt.MedianOption = None
    min_component_pixels: opt.MinComponentPixelsOption = None
    min_component_ml: opt.MinComponentMlOption = None
    refine: refining.RefineOption = None
    refine_border: refining.RefineBorderOption = None
    refine_contrast: refining.RefineContrastOption = None
    refine_core: refining.RefineCoreOption = None
    refine_share: refining.RefineShareOption = None
    refine_reach: refining.RefineReachOption = None
    refine_smoothing: refining.RefineSmoothingOption = None
    refine_modality: refining.RefineModalityOption = None

    def settings(self, calibration: Calibration | None) -> Settings:
        """Return the calibration's settings, overridden by the options given.

        Parameters
        ----------
        calibration : Calibration or None
            The bundle's calibration; None selects a manual quantile in the brain and no gate.

        Raises
        ------
        SettingsError
            When two options cannot be combined or a value is out of range.
        """
        given: dict[str, Any] = {
            "guidance": self.guidance,
            "end_step": self.end_step,
            "sam": self.sam,
            "polarity": self.polarity,
            "gate": False if self.no_gate else None,
            "median_kernel": self.median,
            "min_component_pixels": self.min_component_pixels,
            "min_component_ml": self.min_component_ml,
            "threshold": self._rule(calibration),
        }
        overrides = {name: value for name, value in given.items() if value is not None}
        overrides["refinement"] = refining.chosen_refinement(
            self.refine,
            None if calibration is None else calibration.refinement,
            border=self.refine_border,
            contrast=self.refine_contrast,
            core=self.refine_core,
            share=self.refine_share,
            reach_mm=self.refine_reach,
            smoothing_mm=self.refine_smoothing,
            modality=self.refine_modality,
        )
        if calibration is None:
            return validated(Settings, **overrides)
        if self.region is not None and "threshold" not in overrides:
            overrides["region"] = self.region
        return Settings.from_calibration(calibration, **overrides)

    def _rule(self, calibration: Calibration | None) -> AbsoluteThreshold | ManualQuantile | None:
        threshold, quantile, region = self.threshold, self.quantile, self.region
        if threshold is not None and quantile is not None:
            raise SettingsError("--threshold and --quantile cannot be combined; use one of them.")
        if threshold is not None and region is not None:
            raise SettingsError(
                "--threshold and --region cannot be combined, because a fixed threshold has no "
                "region; use one of them."
            )
        if threshold is not None:
            # Keep the calibrated extent; otherwise a lower threshold could mark less.
            extent = 1.0
            if calibration is not None and calibration.rule == "absolute":
                extent = calibration.map_extent
            return validated(AbsoluteThreshold, where="--threshold", value=threshold, extent=extent)
        if quantile is None and calibration is not None:
            return None
        default = Settings().threshold
        assert isinstance(default, ManualQuantile)
        default_region = default.region if calibration is None else calibration.region
        return validated(
            ManualQuantile,
            where="--quantile",
            quantile=default.quantile if quantile is None else quantile,
            region=region or default_region,
        )


def with_reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `reading`, the options of `ReadingOptions`."""
    return with_shared_options(command, "reading", ReadingOptions, lambda reading, given: reading)


def given_reading_options(context: typer.Context) -> list[str]:
    """Return the flags of the reading options that stand on the command line."""
    names = [field.name for field in fields(ReadingOptions)]
    sources = {name: context.get_parameter_source(name) for name in names}
    return [
        f"--{name.replace('_', '-')}"
        for name, source in sources.items()
        if source is not None and source.name == "COMMANDLINE"
    ]
