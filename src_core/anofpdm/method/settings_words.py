"""Settings and calibrations in words, for reports and messages."""

from __future__ import annotations

from anofpdm.method.calibration import Calibration
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import AbsoluteThreshold, ManualQuantile, Settings, ThresholdRule


def threshold_words(rule: ThresholdRule) -> str:
    """Describe how the threshold is chosen."""
    if isinstance(rule, AbsoluteThreshold):
        reach = "" if rule.extent == 1 else f" (spots extend down to {rule.extent:g} of it)"
        return f"the fixed threshold {rule.value:.4g}{reach}"
    if isinstance(rule, ManualQuantile):
        return f"the quantile {rule.quantile:g} of the {rule.region}"
    return f"the dynamic quantile ({rule.low:g} to {rule.high:g}) of the {rule.region}"


def refinement_words(refinement: Refinement | None) -> str:
    """Describe whether and how the mask is redrawn on the scan."""
    if refinement is None:
        return "not refined on the scan"
    on = "" if refinement.modality is None else f" {refinement.modality}"
    return (
        f"refined on the scan{on} (z at least {refinement.border:g} and {refinement.contrast:g} "
        f"times the lesion's level, core at least {refinement.border + refinement.core:g}, within "
        f"{refinement.reach_mm:g} mm)"
    )


def rates_words(calibration: Calibration | None) -> str | None:
    """Say in one sentence how the slices of the calibration were classified; None if not known."""
    chosen = None if calibration is None else calibration.chosen
    if chosen is None or chosen.sensitivity is None or chosen.specificity is None:
        return None
    return (
        f"On its calibration slices, the model classifies {chosen.sensitivity:.0%} of the "
        f"unhealthy and {1 - chosen.specificity:.0%} of the healthy slices as unhealthy."
    ).replace("%", " %")


def healthy_rule_words(settings: Settings) -> str:
    """Describe when a slice counts as healthy."""
    if settings.gate:
        return f"healthy above cosine {settings.cosine_threshold:.4f}"
    if settings.judges:
        marked = "nothing is marked" if settings.refinement is None else "the map marks nothing"
        return f"healthy if {marked}"
    return "slices are not classified"
