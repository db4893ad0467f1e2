"""Texts for settings: names of the choices, and differences from the calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anofpdm import Settings
    from anofpdm.method.calibration import Calibration, Candidate, Polarity
    from anofpdm.method.settings import Sam, ThresholdRule

SAM_WORDS: dict[Sam, tuple[str, str]] = {
    "sam": (
        "Squared error, all steps",
        "Squared difference between the healthy prediction and the scan, averaged over all noise "
        "levels up to the end step (the paper's map).",
    ),
    "sam_at_end": (
        "Squared error, end step only",
        "Squared difference between the healthy prediction and the scan, at the end step only.",
    ),
    "gradient": (
        "Squared gradient, all steps",
        "Squared guidance gradient toward healthy at each pixel, averaged over all noise levels "
        "up to the end step.",
    ),
    "gradient_at_end": (
        "Squared gradient, end step only",
        "Squared guidance gradient toward healthy at each pixel, at the end step only.",
    ),
    "weighted_gradient": (
        "Weighted gradient, all steps",
        "Squared gradient toward healthy, weighted by guidance and noise level, averaged over all "
        "noise levels up to the end step.",
    ),
}
"""Name and explanation of each map."""

POLARITY_WORDS: dict[Polarity, tuple[str, str]] = {
    "both": (
        "Brighter and darker",
        "Count all differences from the healthy prediction (as in the paper).",
    ),
    "hyperintense": (
        "Brighter only",
        "Count only pixels that are brighter than the healthy prediction (hyperintense), such as "
        "most lesions on FLAIR.",
    ),
    "hypointense": (
        "Darker only",
        "Count only pixels that are darker than the healthy prediction (hypointense), such as "
        "most lesions on T1.",
    ),
}
"""Name and explanation of each polarity."""

RULE_WORDS: dict[str, tuple[str, str]] = {
    "dynamic": (
        "Dynamic quantile",
        "The paper's rule: the more a slice differs from healthy, the more of it is marked.",
    ),
    "quantile": ("Fixed quantile", "Mark the same share of every slice."),
    "absolute": (
        "Fixed value",
        "Mark the pixels whose anomaly map reaches a value, the same in all slices.",
    ),
}
"""Name and explanation of each kind of threshold."""

REGION_WORDS = {
    "image": ("whole image", "All pixels of the slice, with the background (as in the paper)."),
    "brain": ("brain only", "The pixels inside the brain; the mask stays inside it."),
}
"""Name and explanation of each region."""


def rule_words(rule: ThresholdRule) -> str:
    """Describe a threshold rule."""
    if rule.kind == "absolute":
        reach = "" if rule.extent == 1 else f", extent {rule.extent:.3g}"
        return f"fixed value {rule.value:.4g}{reach}"
    region = REGION_WORDS[rule.region][0]
    if rule.kind == "quantile":
        return f"fixed quantile {rule.quantile:.4g}, {region}"
    return f"dynamic quantile {rule.low:.4g} to {rule.high:.4g}, {region}"


def candidate_words(candidate: Candidate, calibration: Calibration) -> str:
    """Describe the accuracy of a candidate of the guidance selection."""
    chosen = ", calibrated" if candidate.guidance == calibration.guidance else ""
    right = "balanced accuracy" if calibration.criterion == "balanced" else "of slices correct"
    return f"w = {candidate.guidance:g}: {candidate.rule_accuracy:.1%} {right}{chosen}"


def differences_in_words(
    settings: Settings, calibrated: Settings, calibration: Calibration | None
) -> list[str]:
    """Describe the differences from the bundle's own settings, a phrase for each field.

    Values that only follow a changed guidance, by the calibration, are not listed.
    """
    followed = calibrated.with_guidance(settings.guidance, calibration)
    changed = {"guidance": (calibrated.guidance, settings.guidance)}
    if settings.guidance == calibrated.guidance:
        changed = {}
    return [
        _phrase(name, mine, theirs)
        for name, (theirs, mine) in (changed | followed.differences(settings)).items()
    ]


def _phrase(name: str, value: Any, original: Any) -> str:
    if name == "gate":
        return f"gate {'on' if value else 'off'}"
    title, write = _FIELDS[name]
    return f"{title} {write(value)} instead of {write(original)}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.5g}"


def _numbers(values: tuple[float, ...] | None) -> str:
    return "none" if values is None else ", ".join(f"{value:.3g}" for value in values)


_FIELDS: dict[str, tuple[str, Any]] = {
    "guidance": ("guidance", _number),
    "end_step": ("end step", lambda t: "automatic" if t is None else f"t = {t}"),
    "sam": ("map", lambda sam: SAM_WORDS[sam][0].lower()),
    "polarity": ("polarity", lambda polarity: POLARITY_WORDS[polarity][0].lower()),
    "threshold": ("threshold", rule_words),
    "max_divergence": ("M_max", _numbers),
    "cosine_threshold": ("cosine threshold", _number),
    "median_kernel": ("median filter", lambda n: f"{n} px"),
    "min_component_pixels": ("smallest spot", lambda n: f"{n} px"),
    "min_component_ml": ("smallest lesion", lambda ml: f"{ml:g} ml"),
}
