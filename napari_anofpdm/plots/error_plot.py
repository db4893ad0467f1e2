"""`ErrorPlot`: the two error curves of the slice in view, whose cosine the gate uses."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_anofpdm.plots.step_plot import StepPlot

_TOOLTIP = (
    "Mean squared error of both predictions of this slice at each noise level t (no unit),\n"
    "averaged over modalities. The healthy-guided prediction is steered toward healthy tissue.\n"
    "In a healthy slice the curves are alike and their cosine is near 1.\n"
    "Click, or drag the dashed line, to view another step."
)


class ErrorPlot(StepPlot):
    """MSE_h and MSE_null (Eq. 14, 16) over the noise level t."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Errors", _TOOLTIP, parent=parent)
        self._healthy = self._plot.plot([], [], name="healthy-guided")
        self._null = self._plot.plot([], [], name="unguided")
        self.clear()

    def clear(self) -> None:
        """Remove all curves."""
        self._healthy.setData([], [])
        self._null.setData([], [])
        self.show_plots(False)
        self.say("")

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

    def paint(self) -> None:
        """Colour curves and cursor."""
        super().paint()
        self._healthy.setPen(pg.mkPen(self.theme.curve(2), width=2))
        self._null.setPen(pg.mkPen(self.theme.curve(3), width=2, style=Qt.PenStyle.DotLine))
