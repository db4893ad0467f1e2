"""What can be chosen in the settings: a name and an explanation for each choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anofpdm.method.calibration import Polarity
    from anofpdm.method.settings import Sam

MAP_CHOICES: dict[Sam, tuple[str, str]] = {
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

POLARITY_CHOICES: dict[Polarity, tuple[str, str]] = {
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

THRESHOLD_CHOICES: dict[str, tuple[str, str]] = {
    "dynamic": (
        "Dynamic quantile",
        "The paper's rule: the more a slice differs from healthy, the more of it is marked.",
    ),
    "quantile": ("Fixed quantile", "Mark the same share of every slice."),
    "absolute": (
        "Fixed threshold",
        "Mark the pixels whose anomaly map reaches a value, the same in all slices.",
    ),
}
"""Name and explanation of each kind of threshold."""

REGION_CHOICES = {
    "image": ("whole image", "All pixels of the slice, with the background (as in the paper)."),
    "brain": ("brain only", "The pixels inside the brain; the mask stays inside it."),
}
"""Name and explanation of each region."""
