"""Settings of an interpretation, in words for reports and messages."""

from __future__ import annotations

from anofpdm.method.settings import AbsoluteThreshold, ManualQuantile, Settings


def threshold_words(settings: Settings) -> str:
    """Say in words where the threshold comes from."""
    rule = settings.threshold
    if isinstance(rule, AbsoluteThreshold):
        reach = "" if rule.extent == 1 else f", spots down to {rule.extent:g} of it"
        return f"the fixed threshold {rule.value:.4g}{reach}"
    if isinstance(rule, ManualQuantile):
        return f"the quantile {rule.quantile:g} of the {rule.region}"
    return f"the dynamic quantile {rule.low:g} to {rule.high:g} of the {rule.region}"


def gate_words(settings: Settings) -> str:
    """Say in words what calls a slice healthy."""
    if settings.gate:
        return f"healthy above cosine {settings.cosine_threshold:.4f}"
    if settings.judges:
        return "healthy where nothing is marked"
    return "slices are not judged"
