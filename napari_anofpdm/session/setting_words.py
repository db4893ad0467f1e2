"""Settings in plain words: names of the choices, and what differs from the calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anofpdm import Settings
    from anofpdm.method.calibration import Calibration, Candidate, Polarity
    from anofpdm.method.settings import Sam, ThresholdRule

SAM_WORDS: dict[Sam, tuple[str, str]] = {
    "sam": (
        "Squared error, all steps",
        "How far the healthy picture is from the scan, squared, averaged over all noise levels "
        "up to the end step (the paper's map).",
    ),
    "sam_at_end": (
        "Squared error, end step only",
        "How far the healthy picture is from the scan, squared, at the end step alone.",
    ),
    "gradient": (
        "Gradient squared, all steps",
        "How strongly the model pulls each pixel toward healthy, squared, averaged up to the end "
        "step.",
    ),
    "gradient_at_end": (
        "Gradient squared, end step only",
        "How strongly the model pulls each pixel toward healthy, squared, at the end step alone.",
    ),
    "weighted_gradient": (
        "Weighted gradient, all steps",
        "The pull toward healthy, weighted by guidance and noise level, squared, averaged up to "
        "the end step.",
    ),
}
"""For each map a name and an explanation."""

POLARITY_WORDS: dict[Polarity, tuple[str, str]] = {
    "both": (
        "Brighter and darker",
        "Count every departure from the healthy picture (the paper's map).",
    ),
    "hyperintense": (
        "Brighter only",
        "Count only where the scan is brighter than the healthy picture (hyperintense), such as "
        "most lesions on FLAIR.",
    ),
    "hypointense": (
        "Darker only",
        "Count only where the scan is darker than the healthy picture (hypointense), such as "
        "most lesions on T1.",
    ),
}
"""For each polarity a name and an explanation."""

RULE_WORDS: dict[str, tuple[str, str]] = {
    "dynamic": (
        "Dynamic quantile",
        "The paper's rule: the stronger a slice differs from healthy, the more of it is marked.",
    ),
    "quantile": ("Fixed quantile", "Mark the same share of every slice."),
    "absolute": (
        "Fixed value",
        "Mark what reaches one value of the anomaly map, the same in all slices.",
    ),
}
"""For each kind of threshold a name and an explanation."""

REGION_WORDS = {
    "image": ("whole image", "Of all pixels of the slice, the background included (the paper's)."),
    "brain": ("brain only", "Of the pixels inside the brain; the mask stays inside it."),
}
"""For each region a name and an explanation."""


def rule_words(rule: ThresholdRule) -> str:
    """Say where a threshold comes from."""
    if rule.kind == "absolute":
        reach = "" if rule.extent == 1 else f", spots down to {rule.extent:.3g} of it"
        return f"fixed value {rule.value:.4g}{reach}"
    region = REGION_WORDS[rule.region][0]
    if rule.kind == "quantile":
        return f"fixed quantile {rule.quantile:.4g}, {region}"
    return f"dynamic quantile {rule.low:.4g} to {rule.high:.4g}, {region}"


def candidate_words(candidate: Candidate, calibration: Calibration) -> str:
    """Say what a candidate of the guidance search achieved."""
    chosen = ", calibrated" if candidate.guidance == calibration.guidance else ""
    right = "balanced accuracy" if calibration.criterion == "balanced" else "of slices right"
    return f"w = {candidate.guidance:g}: {candidate.rule_accuracy:.1%} {right}{chosen}"


def differences_in_words(
    settings: Settings, calibrated: Settings, calibration: Calibration | None
) -> list[str]:
    """Say what differs from the bundle's own settings, a phrase for each field.

    What merely follows a changed guidance, as the calibration measured it, is not named.
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
    "median_kernel": ("median", lambda n: f"{n} px"),
    "min_component_pixels": ("smallest spot", lambda n: f"{n} px"),
    "min_component_ml": ("smallest lesion", lambda ml: f"{ml:g} ml"),
}
