"""`ErrorPlot`: the two error curves of the slice in view, whose cosine the gate uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_anofpdm.plots.plot_frame import PlotFrame, paint_legend
from napari_anofpdm.plots.snap_cursor import SnapCursor

_TOOLTIP = (
    "Mean squared error of both predictions of this slice at each noise level t (no unit),\n"
    "averaged over modalities. The healthy-guided prediction is steered toward healthy tissue.\n"
    "In a healthy slice the curves are alike and their cosine is near 1.\n"
    "Click, or drag the dashed line, to view another step."
)


class ErrorPlot(PlotFrame):
    """MSE_h and MSE_null (Eq. 14, 16) over the noise level t."""

    step_moved = Signal(int)
    """Index, on the grid of timesteps, of the step to view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Errors", _TOOLTIP, parent=parent)
        (self._plot,) = self.plots
        self._plot.setLabel("bottom", "noise level t")
        self._legend = self._plot.addLegend(offset=(8, 4), verSpacing=-6)
        self._healthy = self._plot.plot([], [], name="healthy-guided")
        self._null = self._plot.plot([], [], name="unguided")
        self._timesteps: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._cursor = SnapCursor(self.plots, self)
        self._cursor.moved.connect(self.step_moved)
        self.on_click(self._cursor.move_to)
        self.clear()

    def clear(self) -> None:
        """Remove all curves."""
        self._healthy.setData([], [])
        self._null.setData([], [])
        self.show_plots(False)
        self.say("")

    def set_timesteps(self, timesteps: NDArray[np.int64]) -> None:
        """Set the stored grid of timesteps, shape (K,), increasing."""
        self._timesteps = np.asarray(timesteps)
        self._cursor.set_values(self._timesteps)
        if len(self._timesteps):
            self._plot.setXRange(float(self._timesteps[0]), float(self._timesteps[-1]), 0.03)

    def set_curves(self, healthy: NDArray[Any], null: NDArray[Any], *words: str) -> None:
        """Show one slice; call `set_timesteps` first.

        Parameters
        ----------
        healthy, null : ndarray, shape (C, K)
            MSE_h and MSE_null of each modality, >= 0. Their means are drawn; the cosine uses these.
        *words : str
            The gate's verdict, the longest wording first.
        """
        self.show_plots(True)
        curves = healthy.mean(axis=0), null.mean(axis=0)
        self._healthy.setData(self._timesteps, curves[0])
        self._null.setData(self._timesteps, curves[1])
        top = max(float(curve.max(initial=0.0)) for curve in curves)
        self.fit_height(max(top, 1e-12), self._legend)
        self.say(*words)

    def set_step(self, index: int) -> None:
        """Mark the step in view without emitting a signal."""
        self._cursor.set_index(index)

    def step_shown(self) -> int:
        """Return the index of the marked step, -1 for none."""
        return self._cursor.index

    def paint(self) -> None:
        """Colour curves and cursor."""
        self._cursor.paint(self.theme)
        paint_legend(self._legend, self.theme)
        self._healthy.setPen(pg.mkPen(self.theme.curve(2), width=2))
        self._null.setPen(pg.mkPen(self.theme.curve(3), width=2, style=Qt.PenStyle.DotLine))
