"""`JobCurve`: how well a job does: the loss of a training, the accuracy of a guidance search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtCore import Qt

from napari_anofpdm.plot_frame import PlotFrame, paint_legend

if TYPE_CHECKING:
    from anofpdm.jobs.watch import JobWatch

_TOOLTIP = (
    "Training: loss over steps (mean squared error of the noise, no unit), a moving average, and\n"
    "that of held-out slices. Guidance selection: share of slices judged right, over the guidance."
)


class JobCurve(PlotFrame):
    """The curve of the job in view; empty for jobs that have none."""

    def __init__(self) -> None:
        super().__init__("Curve", _TOOLTIP)
        (self._plot,) = self.plots
        self._legend = self._plot.addLegend(offset=(-8, 4), verSpacing=-6)
        self._first = self._plot.plot([], [], name="training")
        self._second = self._plot.plot([], [], name="held out")
        self.show_job(None)

    def show_job(self, job: JobWatch | None) -> None:
        """Draw what a job has measured so far."""
        curves = {} if job is None else job.curves
        accuracy = [] if job is None else _accuracy(job.result or {})
        self._legend.setVisible(not accuracy)
        if accuracy:
            self._draw("guidance w", accuracy, [])
            best = max(accuracy, key=lambda point: point[1])
            self.say(f"Best accuracy {best[1]:.3f} at w = {best[0]:g}")
            return
        loss, held_out = curves.get("loss", []), curves.get("held_out", [])
        self._draw("step", loss, held_out)
        words = [f"loss {loss[-1][1]:.4f}"] if loss else []
        words += [f"held out {held_out[-1][1]:.4f}"] if held_out else []
        self.say(", ".join(words))

    def paint(self) -> None:
        """Colour both curves."""
        paint_legend(self._legend, self.theme)
        self._first.setPen(pg.mkPen(self.theme.curve(0), width=2))
        self._second.setPen(pg.mkPen(self.theme.curve(1), width=2, style=Qt.PenStyle.DotLine))
        self._second.setSymbol("o")
        self._second.setSymbolSize(5)
        self._second.setSymbolBrush(self.theme.curve(1))
        self._second.setSymbolPen(None)

    def _draw(
        self,
        axis: str,
        first: Sequence[tuple[float, float]],
        second: Sequence[tuple[float, float]],
    ) -> None:
        self._plot.setLabel("bottom", axis)
        for item, points in ((self._first, first), (self._second, second)):
            item.setData([x for x, _ in points], [y for _, y in points])
        self.show_plots(bool(first or second))


def _accuracy(result: dict[str, Any]) -> list[tuple[float, float]]:
    """Guidance and accuracy of each candidate, in the result of a guidance selection."""
    calibration = result.get("calibration")
    candidates = calibration.get("candidates", []) if isinstance(calibration, dict) else []
    # By the map where the rule goes by it, as `Candidate.rule_accuracy` has it.
    return [
        (float(each["guidance"]), float(each[name]))
        for each in candidates
        for name in ["accuracy" if each.get("map_accuracy") is None else "map_accuracy"]
    ]
