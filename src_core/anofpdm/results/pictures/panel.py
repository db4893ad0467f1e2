"""A slice on a page: its images, the outlines of masks, and the patient's sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from contourpy import contour_generator
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from anofpdm.results.pictures.colours import Pixels
from anofpdm.results.pictures.planes import Sides

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase
    from matplotlib.text import Text

RIGHT_LEFT = Sides("R", "L", "", "")


@dataclass(frozen=True)
class Panel:
    """A rectangle of axes that shows one slice.

    Attributes
    ----------
    axes : Axes
        See `blank_axes`.
    left, bottom, width, height : float
        Shares of the axes, which it fills by default.
    """

    axes: Axes
    left: float = 0.0
    bottom: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def show(self, image: Pixels) -> None:
        """Draw an image that fills the panel."""
        right, top = self.left + self.width, self.bottom + self.height
        self.axes.imshow(
            image,
            extent=(self.left, right, self.bottom, top),
            aspect="auto",
            interpolation="nearest",
        )

    def outline(
        self, mask: NDArray[np.bool_], colour: str, width: float = 1.2, style: str = "-"
    ) -> None:
        """Outline a mask that fills the panel; the width is in points."""
        if not mask.any():
            return
        # The border keeps a lesion that touches the panel's edge closed.
        grid = np.pad(mask.astype(float), 1)
        down, across = ((np.arange(-1, size + 1) + 0.5) / size for size in mask.shape)
        x, y = self.left + self.width * across, self.bottom + self.height * (1 - down)
        # Not by `Axes.contour`, which takes several times as long for levels and their colours.
        border: Any = contour_generator(x, y, grid).lines(0.5)
        lines = LineCollection(border, colors=colour, linewidths=width, linestyles=style)
        self.axes.add_collection(lines, autolim=False)

    def mark_sides(self, sides: Sides = RIGHT_LEFT, size: float = 11) -> None:
        """Mark the patient's sides at the edges, readable on dark and on bright tissue."""
        marks = (
            (0.03, 0.5, sides.left, "left", "center"),
            (0.97, 0.5, sides.right, "right", "center"),
            (0.5, 0.98, sides.top, "center", "top"),
            (0.5, 0.02, sides.bottom, "center", "bottom"),
        )
        for x, y, letter, across, along in marks:
            if letter:
                readable(self._text(x, y, letter, color="w", fontsize=size, ha=across, va=along))

    def title(self, text: str, size: float = 11) -> None:
        """Write above the panel."""
        self.axes.annotate(
            text,
            (self.left + self.width / 2, self.bottom + self.height),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=size,
            ha="center",
        )

    def _text(self, x: float, y: float, text: str, **more: Any) -> Text:
        """Write at a place of the panel, in shares of it."""
        return self.axes.text(
            self.left + x * self.width, self.bottom + y * self.height, text, **more
        )


def blank_axes(figure: FigureBase, place: tuple[float, float, float, float]) -> Axes:
    """Add axes for panels to a figure: without frame, and 0 to 1 across and up.

    Panels share axes where a file holds pixels only: matplotlib takes some 50 ms for each axes.

    Parameters
    ----------
    figure : FigureBase
    place : tuple of float
        Left, bottom, width and height, in shares of the figure.
    """
    axes = figure.add_axes(place, xlim=(0, 1), ylim=(0, 1), autoscale_on=False)
    axes.set_axis_off()
    return axes


def panel_grid(
    axes: Axes,
    size: tuple[float, float],
    counts: tuple[int, int],
    gaps: tuple[float, float],
    proportion: float,
) -> list[list[Panel]]:
    """Share axes out among rows of equal panels.

    Parameters
    ----------
    axes : Axes
        See `blank_axes`.
    size : tuple of float
        Width and height of the axes, in any unit.
    counts : tuple of int
        Rows and columns.
    gaps : tuple of float
        Between rows and between columns, in shares of the room for a panel.
    proportion : float
        Height of a panel over its width, both in mm; it lies in the middle of its room.
    """
    rows, columns = counts
    tall = 1 / (rows + (rows - 1) * gaps[0])
    wide = 1 / (columns + (columns - 1) * gaps[1])
    width = min(wide, tall * size[1] / proportion / size[0])
    height = width * size[0] * proportion / size[1]
    lefts = [k * wide * (1 + gaps[1]) + (wide - width) / 2 for k in range(columns)]
    bottoms = [1 - tall - k * tall * (1 + gaps[0]) + (tall - height) / 2 for k in range(rows)]
    return [[Panel(axes, left, bottom, width, height) for left in lefts] for bottom in bottoms]


def readable(text: Text) -> None:
    """Give a text on a picture a dark ground; a rim would turn it into outlines in SVG and PDF."""
    text.set_bbox({"facecolor": "black", "edgecolor": "none", "alpha": 0.5, "pad": 0.6})
