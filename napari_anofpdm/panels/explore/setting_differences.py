"""Describe how settings differ from the bundle's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_anofpdm.session.setting_choices import MAP_CHOICES, POLARITY_CHOICES

if TYPE_CHECKING:
    from anofpdm import Settings
    from anofpdm.method.calibration import Calibration
    from anofpdm.method.refinement import Refinement
    from anofpdm.method.settings import ThresholdRule


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
    if name == "refinement":
        return _refinement(value, original)
    title, write = _FIELDS[name]
    return f"{title} {write(value)} instead of {write(original)}"


def _refinement(value: Refinement | None, original: Refinement | None) -> str:
    if value is None or original is None:
        return f"refinement {'off' if value is None else 'on'}"
    names = [name for name in _REFINEMENT if getattr(value, name) != getattr(original, name)]
    return ", ".join(
        f"{_REFINEMENT[name]} {getattr(value, name)} instead of {getattr(original, name)}"
        for name in names
    )


_REFINEMENT = {
    "border": "border (z)",
    "contrast": "share of the lesion's brightness",
    "core": "core (z)",
    "share": "share of the threshold",
    "reach_mm": "reach in mm",
    "smoothing_mm": "smoothing in mm",
    "modality": "refined on",
}


def _threshold(rule: ThresholdRule) -> str:
    from anofpdm.method.settings_words import threshold_words

    return threshold_words(rule)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.5g}"


def _numbers(values: tuple[float, ...] | None) -> str:
    return "none" if values is None else ", ".join(f"{value:.3g}" for value in values)


_FIELDS: dict[str, tuple[str, Any]] = {
    "guidance": ("guidance", _number),
    "end_step": ("end step", lambda t: "automatic" if t is None else f"t = {t}"),
    "sam": ("map", lambda sam: MAP_CHOICES[sam][0].lower()),
    "polarity": ("polarity", lambda polarity: POLARITY_CHOICES[polarity][0].lower()),
    "threshold": ("masks use", _threshold),
    "max_divergence": ("M_max", _numbers),
    "cosine_threshold": ("cosine threshold", _number),
    "median_kernel": ("median filter", lambda n: f"{n} px"),
    "min_component_pixels": ("smallest spot", lambda n: f"{n} px"),
    "min_component_ml": ("smallest lesion", lambda ml: f"{ml:g} ml"),
}
