"""`HistogramPlot`: the anomaly map's values in the brain, with a line to drag for the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_anofpdm.plots.plot_frame import PlotFrame, paint_legend

_BINS = 80
_FLOOR = np.log10(0.5)
"""Base of the columns, low enough to show a column of a single pixel."""
_TOOLTIP = (
    "Histogram of the anomaly map (H) over the brain's pixels of this slice\n"
    "(squared intensity; counts on a logarithmic axis). If there is a median filter, the columns\n"
    "show H after it, as the map does, and the thin outline shows H before. Drag the threshold\n"
    "(Q*): pixels to its right are marked, except in spots below the smallest spot."
)
_BACK = "Return to the threshold rule of the model's calibration."


class HistogramPlot(PlotFrame):
    """Histogram of H (Eq. 20) in the brain, log counts, with the threshold Q*."""

    threshold_dragged = Signal(float)
    """The absolute threshold that the line was dragged to, >= 0."""
    rule_requested = Signal()
    """The user asks for the bundle's own threshold rule again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Anomaly map (H)", _TOOLTIP, parent=parent)
        self.auto = self.add_button("Auto", _BACK, self.rule_requested.emit)
        (self._plot,) = self.plots
        self._plot.setLabel("bottom", "H in the brain")
        self._plot.getAxis("left").setLogMode(y=True)
        self._legend = self._plot.addLegend(offset=(-4, 4), verSpacing=-6)
        nothing = {"x": [0.0, 1.0], "y": [_FLOOR], "stepMode": "center"}
        self._columns = self._plot.plot(**nothing, fillLevel=_FLOOR, name="H, filtered")
        self._outline = self._plot.plot(**nothing, name="before the filter")
        self._marked = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
        self._marked.setZValue(-5)
        self._plot.addItem(self._marked, ignoreBounds=True)
        self._line = pg.InfiniteLine(
            angle=90, movable=True, label="Q*", labelOpts={"position": 0.45}
        )
        self._line.addMarker("v", 1.0, 12)
        self._line.setZValue(10)
        self._line.sigDragged.connect(self._dragged)
        self._line.sigPositionChangeFinished.connect(lambda _: self._place_line())
        self._plot.addItem(self._line, ignoreBounds=True)
        self._threshold = 0.0
        self._top = 1.0
        self.clear()

    def clear(self) -> None:
        """Remove the histogram."""
        self.show_plots(False)
        self.auto.hide()
        self.say("")

    def set_values(
        self, values: NDArray[Any], filtered: NDArray[Any], threshold: float, *, manual: bool
    ) -> None:
        """Show one slice.

        Parameters
        ----------
        values, filtered : ndarray, shape (pixels of the brain,)
            H, averaged over modalities, before and after the median filter, >= 0. The columns show
            the latter; if both are equal, as with a filter of one pixel, there is no outline.
        threshold : float
            Q*, >= 0.
        manual : bool
            Whether the rule differs from the bundle's own; the button to restore it is then shown.
        """
        self.show_plots(True)
        if not self._line.moving:
            highest = float(values.max(initial=0.0)) or 1.0
            # A threshold far above the map stays visible without squeezing the columns.
            self._top = max(highest, min(threshold, 2 * highest)) * 1.05
            self._plot.setXRange(0.0, self._top, 0)
        self._threshold = threshold
        edges = np.linspace(0.0, self._top, _BINS + 1)
        tallest = 0.0
        for curve, data in ((self._columns, filtered), (self._outline, values)):
            counts = np.histogram(data, edges)[0]
            curve.setData(edges, np.log10(np.maximum(counts, 0.5)))
            tallest = max(tallest, float(counts.max(initial=1)))
        differs = not np.array_equal(values, filtered)
        self._outline.setVisible(differs)
        self._legend.setVisible(differs)
        self._plot.setYRange(_FLOOR, np.log10(max(tallest, 1.0)) * 1.1 + 0.1, 0)
        self.auto.setVisible(manual)
        share = float(np.mean(filtered >= threshold)) if filtered.size and threshold > 0 else 0.0
        beyond = ", beyond the axis" if threshold > self._top else ""
        after = " after the filter" if differs else ""
        short = f"Q* = {threshold:.3g}"
        self.say(f"{short}{beyond}, {share:.1%} above{after}", f"{short}{beyond}", short)
        self._place_line()

    def threshold_shown(self) -> float:
        """Return the position of the line."""
        return float(self._line.value())

    def paint(self) -> None:
        """Colour columns, outline and line."""
        colour = pg.mkColor(self.theme.healthy)
        self._columns.setPen(pg.mkPen(None))
        self._columns.setFillBrush(pg.mkBrush(colour.red(), colour.green(), colour.blue(), 150))
        self._outline.setPen(pg.mkPen(self.theme.text, width=1, style=Qt.PenStyle.SolidLine))
        paint_legend(self._legend, self.theme)
        marked = pg.mkColor(self.theme.handle)
        self._marked.setBrush(pg.mkBrush(marked.red(), marked.green(), marked.blue(), 28))
        self._line.setPen(pg.mkPen(self.theme.handle, width=2))
        self._line.setHoverPen(pg.mkPen(self.theme.handle, width=4))
        self._line.label.setColor(self.theme.handle)

    def _place_line(self) -> None:
        shown = min(self._threshold, self._top)
        self._line.setBounds((0.0, self._top))
        if not self._line.moving:
            self._line.setPos(shown)
        self._marked.setRegion((shown, 2 * self._top))

    def _dragged(self, line: Any) -> None:
        value = float(line.value())
        if value != self._threshold:
            self.threshold_dragged.emit(value)
