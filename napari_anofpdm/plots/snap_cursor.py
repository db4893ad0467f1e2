"""`SnapCursor`: a vertical line that snaps to given values, moved by drag or click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Qt, Signal

from napari_anofpdm.plots.plot_theme import PlotTheme


def nearest(values: NDArray[Any], x: float) -> int:
    """Return the index of the value nearest to `x`; `values` is not empty."""
    return int(np.argmin(np.abs(np.asarray(values, dtype=np.float64) - x)))


class SnapCursor(QObject):
    """Marks one of several values across plots that share their horizontal axis.

    Parameters
    ----------
    plots : sequence of pyqtgraph.PlotItem
        Each gets a line; all lines are at the same value.
    parent : QObject

    Attributes
    ----------
    index : int
        Index of the marked value, -1 for none.
    """

    moved = Signal(int)

    def __init__(self, plots: Sequence[Any], parent: QObject) -> None:
        super().__init__(parent)
        self.index = -1
        self._values: NDArray[np.float64] = np.empty(0)
        self.lines = [pg.InfiniteLine(angle=90, movable=True) for _ in plots]
        for plot, line in zip(plots, self.lines, strict=True):
            # Below the lines that change a setting: where both coincide, the mouse drags those.
            line.setZValue(5)
            line.setVisible(False)
            line.sigDragged.connect(self._dragged)
            plot.addItem(line, ignoreBounds=True)

    def set_values(self, values: NDArray[Any]) -> None:
        """Set the positions of the cursor, increasing, in the plot's units."""
        self._values = np.asarray(values, dtype=np.float64)
        self.set_index(self.index)

    def set_index(self, index: int) -> None:
        """Move to a value without emitting a signal; hide the cursor outside the values."""
        self.index = index
        here = 0 <= index < len(self._values)
        for line in self.lines:
            line.setVisible(here)
            if here:
                line.setPos(float(self._values[index]))

    def move_to(self, x: float) -> None:
        """Move to the value nearest to `x`, like a click there."""
        if len(self._values) == 0:
            return
        index = nearest(self._values, x)
        changed = index != self.index
        self.set_index(index)
        if changed:
            self.moved.emit(index)

    def paint(self, theme: PlotTheme) -> None:
        """Set the colours of a theme."""
        for line in self.lines:
            line.setPen(pg.mkPen(theme.cursor, width=1, style=Qt.PenStyle.DashLine))
            line.setHoverPen(pg.mkPen(theme.cursor, width=3))

    def _dragged(self, line: Any) -> None:
        self.move_to(float(line.value()))
