"""`JobLoss`: the loss curves of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import Qt

from napari_anofpdm.plots.plot_frame import PlotFrame, paint_legend

if TYPE_CHECKING:
    from anofpdm.jobs.watch import JobWatch

_TOOLTIP = (
    "Loss over training steps (mean squared error of the predicted noise, no unit): the moving\n"
    "average on training slices, and the loss on held-out slices."
)


class JobLoss(PlotFrame):
    """The losses of the training in view."""

    def __init__(self) -> None:
        super().__init__("Loss", _TOOLTIP)
        (self._plot,) = self.plots
        self._plot.setLabel("bottom", "step")
        self._legend = self._plot.addLegend(offset=(-8, 4), verSpacing=-6)
        self._training = self._plot.plot([], [], name="training")
        self._held_out = self._plot.plot([], [], name="held out")

    def show_job(self, job: JobWatch) -> None:
        """Draw what a job has measured so far."""
        loss, held_out = job.curves.get("loss", []), job.curves.get("held_out", [])
        for item, points in ((self._training, loss), (self._held_out, held_out)):
            item.setData([x for x, _ in points], [y for _, y in points])
        self.show_plots(bool(loss or held_out))
        words = [f"{loss[-1][1]:.4f}"] if loss else []
        words += [f"held out {held_out[-1][1]:.4f}"] if held_out else []
        self.say(", ".join(words))

    def paint(self) -> None:
        """Colour both curves."""
        paint_legend(self._legend, self.theme)
        self._training.setPen(pg.mkPen(self.theme.curve(0), width=2))
        self._held_out.setPen(pg.mkPen(self.theme.curve(1), width=2, style=Qt.PenStyle.DotLine))
        self._held_out.setSymbol("o")
        self._held_out.setSymbolSize(5)
        self._held_out.setSymbolBrush(self.theme.curve(1))
        self._held_out.setSymbolPen(None)
