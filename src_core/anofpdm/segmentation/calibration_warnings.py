"""Warnings where a model's calibration is missing or does not match the settings."""

from __future__ import annotations

from anofpdm.method.calibration import Calibration, TimestepGrid, chosen_grid
from anofpdm.method.settings import Settings
from anofpdm.method.settings_words import threshold_words
from anofpdm.segmentation.messages import Messages


def warn_of_calibration(
    messages: Messages,
    name: str,
    calibration: Calibration | None,
    settings: Settings,
    grid: TimestepGrid | None = None,
) -> None:
    """Warn if the bundle has no calibration, or one that does not match the settings."""
    if calibration is None:
        messages.warn(
            f"The bundle {name} is not calibrated: the mask uses "
            f"{threshold_words(settings.threshold)} at w = {settings.guidance:g}, and slices are "
            "not classified as healthy or unhealthy. Calibrate it with anofpdm select-guidance."
        )
        return
    if calibration.told_apart is False:
        messages.warn(
            f"The bundle {name} is calibrated, but no guidance classified its calibration slices "
            "better than one class for all; do not trust the mask."
        )
    calibrated = chosen_grid(calibration)
    if grid is not None and grid != calibrated:
        messages.warn(
            f"The bundle {name} was calibrated with {calibrated}, but this run uses {grid}: the "
            "calibrated thresholds may not fit."
        )
    if settings.polarity != calibration.polarity:
        messages.warn(
            f"The bundle {name} was calibrated for the polarity {calibration.polarity}, but this "
            f"run uses {settings.polarity}: the calibrated thresholds may not fit."
        )
