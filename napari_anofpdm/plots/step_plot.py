"""`StepPlot`: base class of the plots over the noise level, with a cursor at the step in view."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_anofpdm.plots.plot_frame import PlotFrame, paint_legend
from napari_anofpdm.plots.snap_cursor import SnapCursor


class StepPlot(PlotFrame):
    """One plot over the grid of timesteps; a click or drag moves the step in view.

    Parameters
    ----------
    title, tooltip : str
    parent : QWidget, optional
    """

    step_moved = Signal(int)
    """Index, on the grid of timesteps, of the step to view."""

    def __init__(self, title: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(title, tooltip, parent=parent)
        (self._plot,) = self.plots
        self._plot.setLabel("bottom", "noise level t")
        self._legend = self._plot.addLegend(offset=(8, 4), verSpacing=-6)
        self._timesteps: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._cursor = SnapCursor(self.plots, self)
        self._cursor.moved.connect(self.step_moved)
        self.on_click(self._cursor.move_to)

    def set_timesteps(self, timesteps: NDArray[np.int64]) -> None:
        """Set the stored grid of timesteps, shape (K,), increasing."""
        self._timesteps = np.asarray(timesteps)
        self._cursor.set_values(self._timesteps)
        if len(self._timesteps):
            self._plot.setXRange(float(self._timesteps[0]), float(self._timesteps[-1]), 0.03)

    def set_step(self, index: int) -> None:
        """Mark the step in view without emitting a signal."""
        self._cursor.set_index(index)

    def step_shown(self) -> int:
        """Return the index of the marked step, -1 for none."""
        return self._cursor.index

    def paint(self) -> None:
        """Colour cursor and legend."""
        self._cursor.paint(self.theme)
        paint_legend(self._legend, self.theme)
