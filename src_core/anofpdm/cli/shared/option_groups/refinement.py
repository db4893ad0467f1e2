"""Options of the refinement on the scan's own voxels, which several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from anofpdm.common.errors import SettingsError
from anofpdm.common.validation import validated
from anofpdm.method.refinement import Refinement

_PANEL = "Refinement on the scan (no network needed)"

RefineOption = Annotated[
    bool | None,
    typer.Option(
        "--refine/--no-refine",
        help="Redraw the mask on the scan's own voxels: bright (or dark) voxels near what the "
        "anomaly map marks. The options below turn it on, too.",
        show_default="as calibrated, otherwise off",
        rich_help_panel=_PANEL,
    ),
]
RefineBorderOption = Annotated[
    float | None,
    typer.Option(
        "--refine-border",
        metavar="Z",
        help="Mark voxels that are at least Z robust standard deviations brighter (or darker) than "
        "the brain's median.",
        show_default="as calibrated, otherwise 1.5",
        rich_help_panel=_PANEL,
    ),
]
RefineContrastOption = Annotated[
    float | None,
    typer.Option(
        "--refine-contrast",
        min=0,
        max=1,
        metavar="FRACTION",
        help="Voxels around a bright spot must also reach this fraction of its own brightness "
        "above the brain's median (the 75th percentile); 0 uses the border alone.",
        show_default="as calibrated, otherwise 0.4",
        rich_help_panel=_PANEL,
    ),
]
RefineCoreOption = Annotated[
    float | None,
    typer.Option(
        "--refine-core",
        min=0,
        max=100,
        metavar="Z",
        help="Keep connected voxels only if one of them exceeds the border by Z.",
        show_default="as calibrated, otherwise 1.5",
        rich_help_panel=_PANEL,
    ),
]
RefineShareOption = Annotated[
    float | None,
    typer.Option(
        "--refine-share",
        min=0.01,
        max=1,
        metavar="SHARE",
        help="Marked spots of the map extend to this fraction of the threshold before the search.",
        show_default="as calibrated, otherwise 0.5",
        rich_help_panel=_PANEL,
    ),
]
RefineReachOption = Annotated[
    float | None,
    typer.Option(
        "--refine-reach",
        min=0,
        max=20,
        metavar="MM",
        help="Search this far around the marked spots, in mm.",
        show_default="as calibrated, otherwise 4",
        rich_help_panel=_PANEL,
    ),
]
RefineSmoothingOption = Annotated[
    float | None,
    typer.Option(
        "--refine-smoothing",
        min=0,
        max=5,
        metavar="MM",
        help="Standard deviation of the Gaussian that smooths the scan first, in mm.",
        show_default="as calibrated, otherwise 0.5",
        rich_help_panel=_PANEL,
    ),
]
RefineModalityOption = Annotated[
    str | None,
    typer.Option(
        "--refine-modality",
        metavar="MODALITY",
        help="The scan to refine on: one of the modalities that the model scores.",
        show_default="as calibrated, otherwise the first",
        rich_help_panel=_PANEL,
    ),
]


def chosen_refinement(
    refine: bool | None, calibrated: Refinement | None, **given: Any
) -> Refinement | None:
    """Return the refinement that the options ask for.

    Parameters
    ----------
    refine : bool or None
        The switch; None where it was not given.
    calibrated : Refinement or None
        The bundle's own.
    **given
        Fields of `Refinement`; None where an option was not given.

    Raises
    ------
    SettingsError
        When a value is out of range, or values are given with the switch off.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if refine is False:
        if values:
            raise SettingsError(
                "--no-refine cannot be combined with options of the refinement; leave one out."
            )
        return None
    if not values and refine is None:
        return calibrated
    start = Refinement() if calibrated is None else calibrated
    return validated(Refinement, where="--refine", **(start.model_dump() | values))
