"""The page of a figure: where panels, words, colour bar and legend lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anofpdm.common.errors import SettingsError
from anofpdm.results.pictures.colours import MASK_COLOUR, TRUTH_COLOUR, map_scale
from anofpdm.results.pictures.columns import Look, draw_panel, draw_scale
from anofpdm.results.pictures.figures.options import FigureOptions
from anofpdm.results.pictures.panel import Panel, blank_axes
from anofpdm.results.pictures.planes import Plane
from anofpdm.results.pictures.words import NOTICE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from anofpdm.results.pictures.content import Content

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


class Row(NamedTuple):
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


class FigurePage:
    """Where everything lies, in inches from the lower left corner.

    Parameters
    ----------
    content : Content
    options : FigureOptions
    look : Look
    slices : dict
        Of each plane.
    aside : Aside or None

    Raises
    ------
    SettingsError
        When the columns do not fit the width, or the page would be too large.
    """

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
        """Draw it; `label` names a slice."""
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

    def _rows_of_panels(self) -> Iterator[Row]:
        headed: set[float] = set()
        for plane, picked in self._slices.items():
            for start in range(0, len(picked), self._across[plane]):
                own = picked[start : start + self._across[plane]]
                places = {
                    round(left, 3) for lefts in self._lefts(plane, len(own)) for left in lefts
                }
                new = not places <= headed
                headed = places if new else headed
                yield Row(plane, own, start == 0, new)

    def _lefts(self, plane: Plane, slices: int) -> list[list[float]]:
        """Return the left edge of each column, for each slice of a row."""
        columns = len(self._options.columns)
        step = self._look.millimetres(self._content, plane)[0] * self._scale + _GAP
        group = columns * step - _GAP + _APART
        return [[_MARGIN + k * group + n * step for n in range(columns)] for k in range(slices)]

    def _row_height(self, row: Row) -> float:
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
        row: Row,
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
