"""The registry: every method of a comparison, built from a model's own settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from anofpdm.common.errors import SettingsError
from anofpdm.common.validation import validated
from anofpdm.evaluation.methods.method import MODEL, REFINED, Method
from anofpdm.evaluation.methods.rivals import Rival
from anofpdm.method.calibration import Calibration, TimestepGrid
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import ManualQuantile, Sam, Settings

GUIDANCES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
STRIDES: Final = (10, 15, 30, 60, 120, 300, 600)
END_FACTORS: Final = (0.25, 0.5, 0.75, 1.25, 1.5, 2.0)
QUANTILES: Final = (0.90, 0.92, 0.94, 0.96, 0.98)
STEP_MAPS: Final[dict[str, Sam]] = {
    "gradient": "gradient",
    "gradient at t_e": "gradient_at_end",
    "weighted gradient": "weighted_gradient",
    "S at t_e": "sam_at_end",
}
RIVAL_LEVELS: Final = (0.5, 1.0)
"""Rivals noise a slice to these fractions of the grid's last level."""

Make = Callable[["Base"], "list[Method | Rival]"]


class Base:
    """What all methods start from.

    Parameters
    ----------
    settings : Settings
        The model's own, without refinement.
    grid : TimestepGrid
        The model's own.
    calibration : Calibration or None
        For the thresholds of other guidances, and for the dynamic threshold.
    """

    def __init__(
        self, settings: Settings, grid: TimestepGrid, calibration: Calibration | None
    ) -> None:
        self.settings, self.grid, self.calibration = settings, grid, calibration

    def method(self, name: str, family: str, **changes: Any) -> Method:
        """Return a method whose settings differ from the model's own in some fields."""
        own_map = changes.pop("own_map", True)
        end_factor = changes.pop("end_factor", None)
        grid = changes.pop("grid", self.grid)
        values = {field: getattr(self.settings, field) for field in Settings.model_fields}
        settings = validated(Settings, **(values | changes))
        return Method(name, family, grid, settings, end_factor, own_map)


def model_methods(settings: Settings, grid: TimestepGrid) -> tuple[Method, ...]:
    """Return the settings without and with refinement; the ones given come first."""
    plain = settings.model_copy(update={"refinement": None})
    refined = settings.model_copy(update={"refinement": settings.refinement or Refinement()})
    found = [Method(MODEL, "model", grid, plain), Method(REFINED, "model", grid, refined)]
    if settings.refinement is not None:
        found.reverse()
    # Both have the same anomaly map, which bears the name of the settings without refinement.
    return tuple(
        Method(one.name, one.family, one.grid, one.settings, own_map=one.name == MODEL)
        for one in found
    )


def _processes(base: Base) -> list[Method | Rival]:
    grid, other = base.grid, "ddpm" if base.grid.process == "ddim" else "ddim"
    process = TimestepGrid(other, grid.steps, grid.t_max)  # type: ignore[arg-type]
    return [
        base.method(f"{other.upper()}", "process", grid=process),
        base.method(f"{other.upper()}, S at t_e", "process", grid=process, sam="sam_at_end"),
    ]


def _step_maps(base: Base) -> list[Method | Rival]:
    return [base.method(name, "step maps", sam=sam) for name, sam in STEP_MAPS.items()]


def _thresholds(base: Base) -> list[Method | Rival]:
    found: list[Method | Rival] = []
    calibration = base.calibration
    for region in ("image", "brain"):
        if calibration is not None and region in calibration.quantile_range:
            dynamic = Settings.from_calibration(
                calibration, guidance=base.settings.guidance, region=region
            )
            changes: dict[str, Any] = {"threshold": dynamic.threshold, "gate": True}
            if dynamic.max_divergence is not None and dynamic.cosine_threshold is not None:
                changes["max_divergence"] = dynamic.max_divergence
                changes["cosine_threshold"] = dynamic.cosine_threshold
                found.append(base.method(f"Q* ({region})", "threshold", own_map=False, **changes))
        for quantile in QUANTILES:
            rule = ManualQuantile(quantile=quantile, region=region)
            found.append(
                base.method(
                    f"Q = {quantile:g} ({region})", "threshold", own_map=False, threshold=rule
                )
            )
    return found


def _ends(base: Base) -> list[Method | Rival]:
    return [
        base.method(f"up to {factor:g} t_e", "end step", end_factor=factor)
        for factor in END_FACTORS
    ]


def _strides(base: Base) -> list[Method | Rival]:
    grid = base.grid
    return [
        base.method(f"{steps} steps", "strides", grid=TimestepGrid(grid.process, steps, grid.t_max))
        for steps in STRIDES
        if steps <= grid.t_max and steps != grid.steps
    ]


def _guidances(base: Base) -> list[Method | Rival]:
    return [
        Method(
            f"w = {guidance:g}",
            "guidance",
            base.grid,
            base.settings.with_guidance(guidance, base.calibration),
        )
        for guidance in GUIDANCES
        if guidance != base.settings.guidance
    ]


def _polarities(base: Base) -> list[Method | Rival]:
    return [
        base.method(polarity, "polarity", polarity=polarity)
        for polarity in ("both", "hyperintense", "hypointense")
        if polarity != base.settings.polarity
    ]


def _rivals(base: Base) -> list[Method | Rival]:
    kept = base.settings
    settings = validated(
        Settings,
        threshold=ManualQuantile(region="brain"),
        median_kernel=kept.median_kernel,
        min_component_pixels=kept.min_component_pixels,
    )
    found: list[Method | Rival] = []
    for label, encoder in (("DDIB", "ddim"), ("AnoDDPM (Gaussian)", "gaussian")):
        for level in RIVAL_LEVELS:
            for guidance in (1.0, 4.0):
                last = max(1, round(level * base.grid.t_max))
                grid = TimestepGrid("ddim", base.grid.steps, last)
                tuned = settings.model_copy(update={"guidance": guidance})
                name = f"{label}, t = {last}, w = {guidance:g}"
                found.append(Rival(name, "rivals", encoder, grid, tuned))  # type: ignore[arg-type]
    return found


FAMILIES: Final[dict[str, Make]] = {
    "process": _processes,
    "step-maps": _step_maps,
    "threshold": _thresholds,
    "end-step": _ends,
    "strides": _strides,
    "guidance": _guidances,
    "polarity": _polarities,
    "rivals": _rivals,
}
"""Families of methods by the name that a user chooses them by."""


def registered(
    settings: Settings,
    grid: TimestepGrid,
    calibration: Calibration | None,
    families: Sequence[str],
) -> tuple[tuple[Method, ...], tuple[Rival, ...]]:
    """Build the methods of some families; the model's own settings always come first.

    Parameters
    ----------
    settings : Settings
        The model's own.
    grid : TimestepGrid
        The model's own.
    calibration : Calibration or None
    families : sequence of str
        Keys of `FAMILIES`.

    Raises
    ------
    SettingsError
        When a family is unknown.
    """
    if unknown := [name for name in families if name not in FAMILIES]:
        raise SettingsError(
            f"There is no family of methods called {unknown[0]}; choose among "
            f"{', '.join(FAMILIES)}."
        )
    base = Base(settings.model_copy(update={"refinement": None}), grid, calibration)
    made = [one for name in dict.fromkeys(families) for one in FAMILIES[name](base)]
    methods = [one for one in made if isinstance(one, Method)]
    rivals = tuple(one for one in made if isinstance(one, Rival))
    return (*model_methods(settings, grid), *methods), rivals
