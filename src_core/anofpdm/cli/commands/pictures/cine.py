"""`anofpdm cine`: a film through the slices of a result, or through the noise steps of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anofpdm.cli.commands.pictures import options as opt
from anofpdm.cli.commands.pictures.figure import planes_of
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.common.errors import SettingsError
from anofpdm.jobs.progress import JobProgress

if TYPE_CHECKING:
    from anofpdm.results.pictures.film import Film

_SHOWN, _LOOK = "What is shown", "Look"
_DPI = 100

FilmFileOption = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="The film; .gif, .webp or .apng.")
]
ThroughOption = Annotated[
    Literal["slices", "steps"],
    typer.Option(
        "--through",
        help="slices of one plane; or the noise steps of one axial slice, with the healthy "
        "prediction, the step map and the curve M_t, from a stored analysis.",
        rich_help_panel=_SHOWN,
    ),
]
PlaneOption = Annotated[
    str | None,
    typer.Option(
        "--plane",
        metavar="PLANE",
        help="axial, coronal or sagittal.",
        show_default="axial",
        rich_help_panel=_SHOWN,
    ),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="COLUMN,...",
        help=opt.COLUMNS_HELP,
        show_default="scan,map+mask",
        rich_help_panel=_SHOWN,
    ),
]
SlicesOption = Annotated[
    str | None,
    typer.Option(
        "--slices",
        metavar="SLICES",
        help="As for figure: 60-100, 60-100:2, even:20. With --through steps, one slice.",
        show_default="all slices with a lesion; of steps, the slice with the most",
        rich_help_panel=_SHOWN,
    ),
]
SpeedOption = Annotated[
    float,
    typer.Option("--fps", metavar="N", help="Frames a second, up to 50.", rich_help_panel=_LOOK),
]
PixelsOption = Annotated[
    int,
    typer.Option(
        "--pixels", min=100, max=4000, metavar="N", help="Width in pixels.", rich_help_panel=_LOOK
    ),
]


@opt.with_picture_options
@with_console
def cine(
    results: opt.ResultsArgument,
    out: FilmFileOption,
    through: ThroughOption = "slices",
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    columns: ColumnsOption = None,
    fps: SpeedOption = 10.0,
    pixels: PixelsOption = 800,
    overwrite: opt.OverwriteOption = False,
    *,
    picture: opt.PictureOptions,
    console: Console,
) -> None:
    """Draw a film through the slices of a result, or through the noise steps of one slice.

    Example: anofpdm cine results --out steps.gif --through steps
    """
    from anofpdm.common.user_path import user_path
    from anofpdm.results.pictures.figures.figure import check_suffix
    from anofpdm.results.pictures.film import FILM_SUFFIXES, save_film

    target = user_path(out)
    check_suffix(target, FILM_SUFFIXES)
    if through == "slices":
        plane = "axial" if plane is None else plane
        columns = "scan,map+mask" if columns is None else columns
        film = _of_slices(picture, results, plane, slices, columns, pixels)
    else:
        _check_of_steps({"--plane": plane, "--columns": columns})
        film = _of_steps(picture, results, slices, pixels)
    with console.progress() as show:
        save_film(
            target,
            film,
            fps,
            overwrite=overwrite,
            progress=lambda done, total: show(JobProgress("frames", done, total)),
        )
    console.finish(
        {"out": str(target), "frames": len(film)}, f"A film of {len(film)} frames: {target}"
    )


def _of_slices(
    picture: opt.PictureOptions,
    results: Path,
    plane: str,
    slices: str | None,
    columns: str,
    pixels: int,
) -> Film:
    from anofpdm.results.pictures.choosing import SliceChoice, marked_range
    from anofpdm.results.pictures.film import film_of_slices

    wanted, shown = planes_of(plane), opt.columns_of(columns)
    if len(wanted) != 1:
        raise SettingsError(f"A film goes through the slices of one plane; got '{plane}'.")
    choice = None if slices is None else SliceChoice.of(slices)
    content = picture.content(picture.stored(results), shown)
    chosen = {wanted[0]: choice or marked_range(content.marked(wanted[0]))}
    options = picture.figure_options(
        slices=chosen, columns=shown, width_cm=pixels / _DPI * 2.54, dpi=_DPI
    )
    return film_of_slices(content, options)


def _check_of_steps(given: Mapping[str, str | None]) -> None:
    for option, value in given.items():
        if value is not None:
            raise SettingsError(
                f"A film through the steps shows an axial slice in columns of its own; leave out "
                f"{option} {value}, or use --through slices."
            )


def _of_steps(picture: opt.PictureOptions, results: Path, slices: str | None, pixels: int) -> Film:
    from anofpdm.results.pictures.choosing import SliceChoice
    from anofpdm.results.pictures.figures.options import picked_slices
    from anofpdm.results.pictures.film import film_of_steps

    choice = SliceChoice("most", 1) if slices is None else SliceChoice.of(slices)
    if choice.count != 1:
        raise SettingsError(f"A film through the steps shows one slice; got --slices {slices}.")
    stored = picture.stored(results)
    if stored.analysis is None:
        raise SettingsError(
            f"{results} holds no stored analysis, and so no steps; segment with --keep-analysis, "
            "or give --analysis."
        )
    options = picture.figure_options(
        slices={"axial": choice}, width_cm=pixels / _DPI * 2.54, dpi=_DPI
    )
    content = picture.content(stored, ())
    (slice_id,) = picked_slices(content, options)["axial"]
    return film_of_steps(stored.analysis, stored.settings, slice_id, options, content)
