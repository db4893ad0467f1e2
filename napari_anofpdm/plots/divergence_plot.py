"""`DivergencePlot`: M_t of the slice in view, with a line to drag for the end step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_anofpdm.plots.snap_cursor import nearest
from napari_anofpdm.plots.step_plot import StepPlot

_TOOLTIP = (
    "Difference between the healthy-guided and the unguided prediction at each noise level t\n"
    "(mean squared, no unit). The lesion is clearest at the peak.\n"
    "Drag the solid line (tₑ): the anomaly map is the mean of the step maps up to it.\n"
    "Click, or drag the dashed line, to view the step map of another step."
)
_AUTO = "Set the end step (tₑ) to the peak of Mₜ, separately for each slice and modality."


class DivergencePlot(StepPlot):
    """M_t (Eq. 12, 13) over the noise level t, one curve per modality."""

    end_step_dragged = Signal(int)
    """The stored timestep that the line was dragged to."""
    auto_requested = Signal()
    """The user asks for the end step argmax M_t again (Eq. 21)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Divergence (Mₜ)", _TOOLTIP, parent=parent)
        self.auto = self.add_button("Auto", _AUTO, self.auto_requested.emit)
        self._curves: list[Any] = []
        self._end_lines: list[Any] = []
        self._divergence: NDArray[Any] = np.empty((0, 0))
        self._end_steps: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._fixed = False
        self._spot = pg.ScatterPlotItem(size=9)
        self._spot.setZValue(6)
        self._plot.addItem(self._spot)
        self.clear()

    def clear(self) -> None:
        """Remove all curves."""
        for item in (*self._curves, *self._end_lines):
            self._plot.removeItem(item)
        self._curves, self._end_lines = [], []
        self._divergence = np.empty((0, 0))
        self._spot.clear()
        self._legend.setVisible(False)
        self.auto.hide()
        self.show_plots(False)
        self.say("")

    def set_curves(
        self,
        divergence: NDArray[Any],
        end_steps: NDArray[np.int64],
        modalities: Sequence[str],
        *,
        fixed: bool,
    ) -> None:
        """Show one slice; call `set_timesteps` first.

        Parameters
        ----------
        divergence : ndarray, shape (C, K)
            M_t of each modality, >= 0.
        end_steps : ndarray of int, shape (C,)
            t_e of each modality, on the grid.
        modalities : sequence of str, length C
        fixed : bool
            Whether the user has set the end step, instead of argmax M_t.
        """
        if len(self._curves) != len(modalities):
            self.clear()
            self._make_items(modalities)
        self._divergence, self._end_steps, self._fixed = divergence, end_steps, fixed
        self.show_plots(True)
        for curve, values in zip(self._curves, divergence, strict=True):
            curve.setData(self._timesteps, values)
        self.fit_height(max(float(divergence.max(initial=0.0)), 1e-12), self._legend)
        self._place_end_lines()
        self._place_spot()
        self.auto.setVisible(fixed)
        steps = ", ".join(str(t) for t in dict.fromkeys(end_steps.tolist()))
        self.say(f"tₑ = {steps} ({'fixed' if fixed else 'auto'})", f"tₑ = {steps}")

    def set_step(self, index: int) -> None:
        """Mark the step in view without emitting a signal."""
        super().set_step(index)
        self._place_spot()

    def end_steps_shown(self) -> list[int]:
        """Return the positions of the end-step lines, in the order of the modalities."""
        return [round(line.value()) for line in self._end_lines if line.isVisible()]

    def paint(self) -> None:
        """Colour curves, lines and cursor."""
        super().paint()
        self._spot.setBrush(self.theme.background)
        self._spot.setPen(pg.mkPen(self.theme.cursor, width=2))
        several = len(self._curves) > 1
        for c, (curve, line) in enumerate(zip(self._curves, self._end_lines, strict=True)):
            colour = self.theme.curve(c)
            curve.setPen(pg.mkPen(colour, width=2))
            curve.setSymbolBrush(colour)
            handle = colour if several and not self._fixed else self.theme.handle
            line.setPen(pg.mkPen(handle, width=2))
            line.setHoverPen(pg.mkPen(handle, width=4))
            line.label.setColor(handle)

    def _make_items(self, modalities: Sequence[str]) -> None:
        symbol = "o" if len(self._timesteps) <= 80 else None
        for modality in modalities:
            curve = self._plot.plot([], [], name=modality.upper(), symbol=symbol, symbolSize=4)
            curve.setSymbolPen(None)
            line = pg.InfiniteLine(angle=90, movable=True, label="tₑ", labelOpts={"position": 0.78})
            line.addMarker("v", 1.0, 12)
            line.setZValue(10)
            line.sigDragged.connect(self._end_line_dragged)
            line.sigPositionChangeFinished.connect(lambda _: self._place_end_lines())
            self._plot.addItem(line, ignoreBounds=True)
            self._curves.append(curve)
            self._end_lines.append(line)
        self._legend.setVisible(len(modalities) > 1)
        self.paint()

    def _place_end_lines(self) -> None:
        """Move the lines to the end steps, except a line that the user is dragging."""
        held = next((line for line in self._end_lines if line.moving), None)
        only = (held or self._end_lines[0]) if self._fixed else None
        for line, step in zip(self._end_lines, self._end_steps, strict=True):
            line.setVisible(only is None or line is only)
            if line is not held:
                line.setPos(float(step))
        self.paint()

    def _end_line_dragged(self, line: Any) -> None:
        step = int(self._timesteps[nearest(self._timesteps, float(line.value()))])
        line.setPos(float(step))
        if step != int(self._end_steps[self._end_lines.index(line)]):
            self.end_step_dragged.emit(step)

    def _place_spot(self) -> None:
        index = self._cursor.index
        if not 0 <= index < self._divergence.shape[-1]:
            self._spot.clear()
            return
        heights = self._divergence[:, index]
        self._spot.setData(np.full(len(heights), self._timesteps[index]), heights)
