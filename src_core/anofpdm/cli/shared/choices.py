"""Turn command-line options into `Settings`: the calibration's values, overridden by the user's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anofpdm.common.errors import SettingsError
from anofpdm.common.validation import validated
from anofpdm.method.calibration import Calibration
from anofpdm.method.settings import AbsoluteThreshold, ManualQuantile, Settings


def chosen_settings(
    calibration: Calibration | None,
    *,
    guidance: float | None = None,
    end_step: int | None = None,
    threshold: float | None = None,
    quantile: float | None = None,
    region: str | None = None,
    sam: str = "sam",
    polarity: str | None = None,
    gate: bool | None = None,
    median: int | None = None,
    min_component_pixels: int | None = None,
    min_component_ml: float | None = None,
) -> Settings:
    """Override the calibration's settings with the options given.

    Parameters
    ----------
    calibration : Calibration or None
        The bundle's calibration; None selects a manual quantile in the brain and no gate.
    guidance, end_step, threshold, quantile, region, sam, polarity, gate, median,
    min_component_pixels, min_component_ml
        As the options of the same names; None means not given.

    Raises
    ------
    SettingsError
        When two options cannot be combined or a value is out of range.
    """
    given: dict[str, Any] = {
        "guidance": guidance,
        "end_step": end_step,
        "sam": sam,
        "polarity": polarity,
        "gate": gate,
        "median_kernel": median,
        "min_component_pixels": min_component_pixels,
        "min_component_ml": min_component_ml,
        "threshold": _rule(threshold, quantile, region, calibration),
    }
    overrides = {name: value for name, value in given.items() if value is not None}
    if calibration is None:
        return validated(Settings, **overrides)
    if region is not None and "threshold" not in overrides:
        overrides["region"] = region
    return Settings.from_calibration(calibration, **overrides)


def check_end_step(end_step: int | None, timesteps: Sequence[int]) -> None:
    """Refuse, before the network runs, an end step that is not on the grid.

    Raises
    ------
    SettingsError
        Naming the nearest noise levels on the grid.
    """
    if end_step is None or end_step in timesteps:
        return
    nearest = sorted(sorted(timesteps, key=lambda t: abs(t - end_step))[:2])
    raise SettingsError(
        f"--end-step {end_step} is not an analysed noise level; use a nearby one: "
        f"{' or '.join(map(str, nearest))}."
    )


def _rule(
    threshold: float | None,
    quantile: float | None,
    region: str | None,
    calibration: Calibration | None,
) -> AbsoluteThreshold | ManualQuantile | None:
    if threshold is not None and quantile is not None:
        raise SettingsError("--threshold and --quantile cannot be combined; use one of them.")
    if threshold is not None and region is not None:
        raise SettingsError(
            "--threshold and --region cannot be combined, because a fixed threshold has no region; "
            "use one of them."
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
