"""`anofpdm figure`: slices of a result as a figure for a paper or a case conference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anofpdm.cli.commands.pictures import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.common.errors import SettingsError

if TYPE_CHECKING:
    from anofpdm.results.pictures.planes import Plane

_SHOWN, _LOOK = "What is shown", "Look"

FigureFileOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The figure; .png, .svg or .pdf. Text stays text in the last two.",
    ),
]
SlicesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--slices",
        metavar="[PLANE=]SLICES",
        help="Numbers (80,85), ranges (80-100 or 80-100:5), most:N (the slices with the most "
        "lesion) or even:N (equally spaced through the lesions). Slices are counted from 0 toward "
        "superior, anterior or right. Repeat the option with a plane for slices of its own.",
        show_default="most:3",
        rich_help_panel=_SHOWN,
    ),
]
PlanesOption = Annotated[
    str,
    typer.Option(
        "--planes",
        metavar="PLANE,...",
        help="axial, coronal, sagittal.",
        rich_help_panel=_SHOWN,
    ),
]
ColumnsOption = Annotated[
    str,
    typer.Option("--columns", metavar="COLUMN,...", help=opt.COLUMNS_HELP, rich_help_panel=_SHOWN),
]
WidthOption = Annotated[
    float,
    typer.Option("--width", metavar="CM", help="Width in cm.", rich_help_panel=_LOOK),
]
DpiOption = Annotated[
    int,
    typer.Option("--dpi", metavar="N", help="Pixels per inch.", rich_help_panel=_LOOK),
]


@opt.with_picture_options
@with_console
def figure(
    results: opt.ResultsArgument,
    out: FigureFileOption,
    slices: SlicesOption = None,
    planes: PlanesOption = "axial",
    columns: ColumnsOption = "scan,map,mask",
    width: WidthOption = 17.0,
    dpi: DpiOption = 300,
    overwrite: opt.OverwriteOption = False,
    *,
    picture: opt.PictureOptions,
    console: Console,
) -> None:
    """Draw slices of a result as a figure, with colour bar, scale, sides and slice positions.

    Example: anofpdm figure results --out figure.pdf --slices most:2 --planes axial,coronal
    """
    from anofpdm.common.user_path import user_path
    from anofpdm.results.pictures.choosing import slice_choices
    from anofpdm.results.pictures.figures.figure import check_suffix, draw_figure, save_figure
    from anofpdm.results.pictures.figures.options import picked_slices

    target = user_path(out)
    check_suffix(target)
    shown = opt.columns_of(columns)
    wanted = planes_of(planes)
    options = picture.figure_options(
        slices=slice_choices(slices or [], wanted),
        columns=shown,
        width_cm=width,
        dpi=dpi,
    )
    content = picture.content(picture.stored(results), shown)
    drawn = draw_figure(content, options)
    save_figure(target, drawn, dpi, overwrite=overwrite)
    picked = picked_slices(content, options)
    words = "; ".join(f"{plane} {', '.join(map(str, found))}" for plane, found in picked.items())
    console.finish({"out": str(target), "slices": picked}, f"Slices {words}: {target}")


def planes_of(text: str) -> tuple[Plane, ...]:
    """Read planes, separated by commas.

    Raises
    ------
    SettingsError
        When one is unknown.
    """
    from anofpdm.results.pictures.planes import AXIS_ACROSS

    found: list[Plane] = []
    for part in text.split(","):
        known = [plane for plane in AXIS_ACROSS if plane == part.strip()]
        if not known:
            raise SettingsError(f"'{part}' is no plane; planes are {', '.join(AXIS_ACROSS)}.")
        found += known
    return tuple(dict.fromkeys(found))
