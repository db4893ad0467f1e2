"""A figure of chosen slices, planes and columns, as PNG, SVG or PDF."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import SettingsError
from anofpdm.results.pictures.choosing import SliceChoice
from anofpdm.results.pictures.colours import MASK_COLOUR, TRUTH_COLOUR, map_scale
from anofpdm.results.pictures.columns import Column, Look, draw_panel, draw_scale
from anofpdm.results.pictures.panel import Panel, blank_axes
from anofpdm.results.pictures.planes import AXIS_ACROSS, Plane
from anofpdm.results.pictures.words import NOTICE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from anofpdm.results.pictures.content import Content

Ground = Literal["white", "black"]
SUFFIXES = (".png", ".svg", ".pdf")
_PANELS = 6
"""The largest number of panels in a row where columns do not need more."""
_MOST_PIXELS = 30_000
_MARGIN, _GAP, _APART, _BAR = 0.06, 0.03, 0.12, 0.62  # inches
_INCH = 2.54  # cm
_POINT = 1 / 72  # inches
_PLAIN, _BOLD = 0.58, 0.72
"""Width of a letter over its size, on average and a little more."""
_LINE = 1.45
"""Height of a line of text over its size."""
# Text stays text: it can be searched and edited in the file.
_AS_TEXT: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "anofpdm"}


@dataclass(frozen=True)
class FigureOptions:
    """What a figure shows, and how large.

    Attributes
    ----------
    slices : dict
        The slices of each plane that is shown.
    columns : tuple of Column
        Drawn for each slice, from left to right.
    width_cm : float
        2 to 100.
    dpi : int
        Of a PNG, and of the rows of pixels in the other formats where they are resampled;
        20 to 1200.
    ground : {"white", "black"}
        Colour of the page.
    title : str or None
        None takes the content's own; an empty one leaves it out.
    font_size : float
        In points, 4 to 30.
    window : tuple of float, optional
        Values of the scan that are black and white.
    map_max : float, optional
        Value of the map with the last colour.
    """

    slices: Mapping[Plane, SliceChoice] = field(
        default_factory=lambda: {"axial": SliceChoice("most", 3)}
    )
    columns: tuple[Column, ...] = (Column(), Column(map=True), Column(mask=True))
    width_cm: float = 17.0
    dpi: int = 300
    ground: Ground = "white"
    title: str | None = None
    font_size: float = 7.0
    window: tuple[float, float] | None = None
    map_max: float | None = None

    def __post_init__(self) -> None:
        """Refuse values that no page has."""
        limits: tuple[tuple[str, float, float, float], ...] = (
            ("width", self.width_cm, 2, 100),
            ("dpi", self.dpi, 20, 1200),
            ("font size", self.font_size, 4, 30),
        )
        for name, value, low, high in limits:
            if not low <= value <= high:
                raise SettingsError(
                    f"A figure's {name} lies between {low} and {high}; got {value:g}."
                )
        if self.window is not None and not self.window[0] < self.window[1]:
            low, high = self.window
            raise SettingsError(f"The window {low:g} to {high:g} is empty; give LOW,HIGH.")
        if self.map_max is not None and not 0 < self.map_max < math.inf:
            raise SettingsError(f"The map's last value is above 0; got {self.map_max:g}.")
        if not self.slices or not self.columns:
            raise SettingsError("A figure needs at least one plane and one column.")


@dataclass(frozen=True)
class Aside:
    """A plot under the panels.

    Attributes
    ----------
    height : float
        In inches.
    draw : callable
        Draws it on axes.
    """

    height: float
    draw: Callable[[Axes], None]


def picked_slices(content: Content, options: FigureOptions) -> dict[Plane, list[int]]:
    """Return the slices of each plane that a figure shows.

    Raises
    ------
    SettingsError
        When the scan has no such slice.
    """
    found = {}
    for plane, choice in options.slices.items():
        marked: NDArray[Any] = np.zeros(content.slices(plane))
        head = (0, content.slices(plane) - 1)
        if choice.kind != "numbers":  # those of a film are chosen for each frame
            marked = content.marked(plane)
            head = head if marked.any() else _head(content, plane)
        found[plane] = choice.picked(marked, head, plane)
    return found


def _head(content: Content, plane: Plane) -> tuple[int, int]:
    """First and last slice that show the head."""
    others = tuple(axis for axis in range(3) if axis != AXIS_ACROSS[plane])
    used = np.flatnonzero((np.nan_to_num(content.scan) > 0).any(axis=others))
    return (int(used[0]), int(used[-1])) if used.size else (0, content.slices(plane) - 1)


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
    page = _Page(content, options, look, picked_slices(content, options), aside)
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


class _Row(NamedTuple):
    """A row of panels.

    Attributes
    ----------
    plane : {"axial", "coronal", "sagittal"}
    picked : list of int
        Its slices, each with all columns.
    first : bool
        Whether it is the first of its plane.
    headed : bool
        Whether the columns have their headings above: not where those of a former row fit.
    """

    plane: Plane
    picked: list[int]
    first: bool
    headed: bool


class _Page:
    """Where everything lies, in inches from the lower left corner."""

    def __init__(
        self,
        content: Content,
        options: FigureOptions,
        look: Look,
        slices: Mapping[Plane, list[int]],
        aside: Aside | None,
    ) -> None:
        self._content, self._options, self._look = content, options, look
        self._slices = {plane: picked for plane, picked in slices.items() if picked}
        self._aside = aside
        self._text = options.font_size * _POINT * _LINE
        self.width = options.width_cm / _INCH
        self._bar = _BAR * options.font_size / 7 if any(c.map for c in options.columns) else 0.0
        columns = len(options.columns)
        self._across = {
            plane: max(1, min(len(picked), _PANELS // columns))
            for plane, picked in self._slices.items()
        }
        self._scale = min(self._scale_of(plane) for plane in self._slices)
        self._heading_size = self._size_of_headings()
        self._headings = {plane: self._heading_lines(plane) for plane in self._slices}
        self._header = self._header_lines()
        self._rows = list(self._rows_of_panels())
        panels = sum(map(self._row_height, self._rows))
        above = len(self._header) * self._text * 1.15
        below = 2 * self._text + (aside.height if aside else 0.0)
        self.height = 2 * _MARGIN + above + panels + below
        self._top, self._floor = self.height - _MARGIN - above, _MARGIN + below
        self._panels = panels
        longest = max(self.width, self.height) * options.dpi
        if longest > _MOST_PIXELS:
            raise SettingsError(
                f"The figure would be {self.width * _INCH:.0f} x {self.height * _INCH:.0f} cm, "
                f"{longest:.0f} pixels along one side; choose fewer slices or a lower dpi."
            )

    def drawn(self, label: Callable[[Content, Plane, int], str]) -> Figure:
        options = self._options
        self._ink = "black" if options.ground == "white" else "white"
        figure = Figure(
            figsize=(self.width, self.height), dpi=options.dpi, facecolor=options.ground
        )
        FigureCanvasAgg(figure)
        self._figure = figure
        for number, (line, weight) in enumerate(self._header):
            y = self.height - _MARGIN - number * self._text * 1.15
            self._write(_MARGIN, y, line, va="top", weight=weight, size=options.font_size + 1)
        top = self._top
        for row in self._rows:
            self._draw_row(row, top, label)
            top -= self._row_height(row)
        if self._bar:
            self._draw_bar()
        if self._aside is not None:
            tall = self._aside.height
            room = (0.62, 2 * self._text + 0.45, self.width - 0.8, tall - 0.6)
            axes = figure.add_axes(self._share(*room), facecolor=options.ground)
            self._aside.draw(axes)
            for side in axes.spines.values():
                side.set_color(self._ink)
            axes.tick_params(colors=self._ink, labelsize=options.font_size)
            for text in (axes.xaxis.label, axes.yaxis.label):
                text.set_color(self._ink)
                text.set_fontsize(options.font_size)
        self._draw_foot()
        return figure

    def _scale_of(self, plane: Plane) -> float:
        """Inches per mm that fill the width with the panels of a row."""
        columns, across = len(self._options.columns), self._across[plane]
        gaps = across * (columns - 1) * _GAP + (across - 1) * _APART
        room = self.width - 2 * _MARGIN - self._bar - gaps
        width, _ = self._look.millimetres(self._content, plane)
        if room <= 0.2:
            raise SettingsError(
                f"{columns} columns do not fit {self._options.width_cm:g} cm; choose a larger "
                "width or fewer columns."
            )
        return room / (across * columns * width)

    def _rows_of_panels(self) -> Iterator[_Row]:
        headed: set[float] = set()
        for plane, picked in self._slices.items():
            for start in range(0, len(picked), self._across[plane]):
                own = picked[start : start + self._across[plane]]
                places = {
                    round(left, 3) for lefts in self._lefts(plane, len(own)) for left in lefts
                }
                new = not places <= headed
                headed = places if new else headed
                yield _Row(plane, own, start == 0, new)

    def _lefts(self, plane: Plane, slices: int) -> list[list[float]]:
        """Return the left edge of each column, for each slice of a row."""
        columns = len(self._options.columns)
        step = self._look.millimetres(self._content, plane)[0] * self._scale + _GAP
        group = columns * step - _GAP + _APART
        return [[_MARGIN + k * group + n * step for n in range(columns)] for k in range(slices)]

    def _row_height(self, row: _Row) -> float:
        _, tall = self._look.millimetres(self._content, row.plane)
        lines = 1 + (self._lines_above(row.plane) if row.headed else 0)
        return tall * self._scale + lines * self._text + _GAP

    def _lines_above(self, plane: Plane) -> int:
        return max(len(lines) for lines in self._headings[plane])

    def _heading_lines(self, plane: Plane) -> list[list[str]]:
        """Lines of the heading of each column, no wider than a panel; none of a single column."""
        columns = self._options.columns
        if len(columns) == 1:
            return [[]]
        width = self._look.millimetres(self._content, plane)[0] * self._scale
        letters = max(int(width / (self._heading_size * _POINT * _BOLD)), 1)
        titles = (column.title(self._content) for column in columns)
        return [wrap(title, letters, break_long_words=False) for title in titles]

    def _size_of_headings(self) -> float:
        """Return the size in points at which the longest word fits the narrowest panel."""
        titles = (column.title(self._content) for column in self._options.columns)
        longest = max(len(word) for title in titles for word in title.split())
        narrowest = min(self._look.millimetres(self._content, each)[0] for each in self._slices)
        room = narrowest * self._scale / (longest * _POINT * _BOLD)
        return min(self._options.font_size, room)

    def _header_lines(self) -> list[tuple[str, str]]:
        title = self._content.title if self._options.title is None else self._options.title
        letters = int(self.width / ((self._options.font_size + 1) * _POINT * _BOLD))
        return [(line, "bold") for line in wrap(title, max(letters, 10))]

    def _draw_row(
        self,
        row: _Row,
        top: float,
        label: Callable[[Content, Plane, int], str],
    ) -> None:
        options, plane = self._options, row.plane
        wide, tall = (mm * self._scale for mm in self._look.millimetres(self._content, plane))
        base = top - self._row_height(row) + _GAP
        places = self._lefts(plane, len(row.picked))
        for place, (index, lefts) in enumerate(zip(row.picked, places, strict=True)):
            name = label(self._content, plane, index)
            room = len(options.columns) * (wide + _GAP)
            size = min(options.font_size, room / (max(len(name), 1) * _POINT * _PLAIN))
            self._write(lefts[0], base + tall + 0.25 * self._text, name, size=size)
            for number, (column, left) in enumerate(zip(options.columns, lefts, strict=True)):
                lines = self._headings[plane][number] if row.headed else []
                for above, line in enumerate(reversed(lines)):
                    y = base + tall + (1.25 + above) * self._text
                    self._write(left, y, line, weight="bold", size=self._heading_size)
                # Axes for each panel, so that it is an image of its own in SVG and PDF.
                axes = blank_axes(self._figure, self._share(left, base, wide, tall))
                panel = Panel(axes)
                draw_panel(
                    panel, self._content, self._look, column, plane, index, options.font_size
                )
                if row.first and place == 0 and number == 0:
                    draw_scale(axes, wide / self._scale, options.font_size)

    def _draw_bar(self) -> None:
        size = self._options.font_size
        tall = min(0.7 * self._panels, 2.2)
        left = self.width - _MARGIN - self._bar + 0.08
        above = 1 + self._lines_above(self._rows[0].plane)
        base = self._top - above * self._text - tall
        place = self._figure.add_axes(self._share(left, base, 0.09, tall))
        bar = self._figure.colorbar(map_scale(self._look.top), cax=place, extend="max")
        # The words are centred on the bar, between the title and what is under the panels.
        middle = base + tall / 2
        name, fitting = self._bar_words(2 * min(self._top - middle, middle - self._floor))
        bar.set_label(name, fontsize=fitting, color=self._ink)
        bar.ax.tick_params(labelsize=size, colors=self._ink, length=2)
        bar.outline.set_edgecolor(self._ink)

    def _bar_words(self, room: float) -> tuple[str, float]:
        """Return the words at the bar that fit a height in inches, and their size in points.

        Where the whole name does not fit, what follows in brackets is left out; where this is too
        long as well, the letters are smaller.
        """
        letters = room / (_POINT * _PLAIN)
        whole = self._content.map_label
        short = whole.split(" (")[0]
        size = self._options.font_size
        name = whole if len(whole) * size <= letters else short
        return name, min(size, letters / max(len(name), 1))

    def _draw_foot(self) -> None:
        size, line = self._options.font_size, self._text
        parts = [column.parts for column in self._options.columns]
        handles = []
        if any("mask" in drawn for drawn in parts):
            handles.append(Line2D([], [], color=MASK_COLOUR, lw=2, label="mask"))
        if any("reference" in drawn for drawn in parts):
            handles.append(
                Line2D([], [], color=TRUTH_COLOUR, lw=2, ls="--", label="reference (known lesion)")
            )
        if handles:
            self._figure.legend(
                handles=handles,
                loc="lower left",
                bbox_to_anchor=(_MARGIN / self.width, (_MARGIN + line) / self.height),
                ncols=len(handles),
                fontsize=size,
                frameon=False,
                labelcolor=self._ink,
                borderpad=0,
                borderaxespad=0,
                handlelength=1.5,
            )
        self._write(_MARGIN, _MARGIN, self._content.footer, size=size - 1)
        self._write(self.width - _MARGIN, _MARGIN, NOTICE, size=size - 1, ha="right")

    def _write(
        self, x: float, y: float, text: str, *, size: float | None = None, **more: Any
    ) -> None:
        # No equations: a file's name may hold a dollar sign.
        self._figure.text(
            x / self.width,
            y / self.height,
            text,
            fontsize=size or self._options.font_size,
            color=self._ink,
            parse_math=False,
            **more,
        )

    def _share(
        self, left: float, bottom: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        return (
            left / self.width, bottom / self.height, width / self.width, height / self.height
        )  # fmt: skip
