"""A figure of chosen slices, planes and columns, as PNG, SVG or PDF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import SettingsError
from anofpdm.results.pictures.columns import Look
from anofpdm.results.pictures.figures.options import FigureOptions, picked_slices
from anofpdm.results.pictures.figures.page import Aside, FigurePage
from anofpdm.results.pictures.planes import AXIS_ACROSS, Plane

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anofpdm.results.pictures.content import Content

SUFFIXES = (".png", ".svg", ".pdf")
# Text stays text: it can be searched and edited in the file.
_AS_TEXT: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "anofpdm"}


def slice_label(content: Content, plane: Plane, index: int) -> str:
    """Name a slice by its number and, where the scan is not oblique, its place in mm."""
    place = content.millimetres(plane, index)
    axis = "xyz"[AXIS_ACROSS[plane]]
    return f"{plane} {index}" + ("" if place is None else f" ({axis} = {place:+.0f} mm)")


def draw_figure(
    content: Content,
    options: FigureOptions,
    look: Look | None = None,
    label: Callable[[Content, Plane, int], str] = slice_label,
    aside: Aside | None = None,
) -> Figure:
    """Draw a figure.

    All panels have one scale. Axial and coronal slices show the patient's right on the left.

    Parameters
    ----------
    content : Content
    options : FigureOptions
    look : Look, optional
        Taken from the content by default.
    label : callable
        Names a slice.
    aside : Aside, optional
        A plot under the panels.

    Raises
    ------
    SettingsError
        When a column or a slice is unavailable, or the figure would be too large.
    """
    for column in options.columns:
        column.check(content)
    look = look or Look.of(content, options.window, options.map_max)
    page = FigurePage(content, options, look, picked_slices(content, options), aside)
    return page.drawn(label)


def save_figure(path: Path, figure: Figure, dpi: int, *, overwrite: bool = False) -> None:
    """Write a figure; the suffix names the format.

    Parameters
    ----------
    path : Path
        It appears whole or not at all.
    figure : Figure
    dpi : int
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    SettingsError
        When the suffix is not one of `SUFFIXES`.
    OutputError
        When the file exists or cannot be written.
    """
    check_suffix(path)
    # Without a date the same figure gives the same file.
    metadata: dict[str, Any] = {
        ".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}
    }[path.suffix.lower()]  # fmt: skip
    with atomic_path(path, overwrite=overwrite) as part, rc_context(_AS_TEXT):
        figure.savefig(part, dpi=dpi, metadata=metadata)


def check_suffix(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Refuse a file whose suffix names no format.

    Raises
    ------
    SettingsError
        Listing the formats.
    """
    if path.suffix.lower() not in suffixes:
        raise SettingsError(
            f"The name of {path} ends in none of {', '.join(suffixes)}; choose one of them."
        )
