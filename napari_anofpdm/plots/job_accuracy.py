"""`JobAccuracy`: how well a model in training separates healthy from unhealthy slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtCore import Qt

from napari_anofpdm.plots.plot_frame import PlotFrame

if TYPE_CHECKING:
    from anofpdm.jobs.watch import JobWatch

_TOOLTIP = (
    "Share of slices classified correctly as healthy or unhealthy, 0 to 1, at the best threshold.\n"
    "Training: a sample of held-out slices, at the best of a few guidances, over training steps.\n"
    "Guidance selection: the slices processed so far, over the guidance w (no unit). If balanced\n"
    "accuracy chooses the thresholds: the mean of the shares of healthy and of unhealthy slices.\n"
    "Dashed line: the score of putting all slices in one class. A model that scores no better\n"
    "has not learned the difference yet."
)
_ROOM = 0.45  # share of the range, kept free below it for the label of the dashed line
_LEAST_SPAN = 0.05

Points = Sequence[tuple[float, float]]


class JobAccuracy(PlotFrame):
    """Accuracy over the steps of a training, or over the guidances of a selection."""

    def __init__(self) -> None:
        super().__init__("Accuracy", _TOOLTIP)
        (self._plot,) = self.plots
        self._curve = self._plot.plot([], [], symbol="o", symbolSize=5)
        self._alike = pg.InfiniteLine(
            angle=0, label="", labelOpts={"position": 0.02, "anchors": [(0, 0), (0, 0)]}
        )
        self._plot.addItem(self._alike, ignoreBounds=True)

    def show_job(self, job: JobWatch) -> bool:
        """Draw what a job has measured so far; return whether there is anything to draw."""
        if job.command == "train":
            points: Points = job.curves.get("accuracy", [])
        else:
            points = _of_result(job.result or {}) or job.by_guidance
        self.show_plots(bool(points))
        if not points:
            return False
        baseline = job.curves.get("baseline", [])
        self._draw(points, baseline[-1][1] if baseline else None)
        if job.command == "train":
            self._plot.setLabel("bottom", "step")
            self.say(f"{points[-1][1]:.3f} at step {points[-1][0]:,}", f"{points[-1][1]:.3f}")
        else:
            self._plot.setLabel("bottom", "guidance w")
            w, accuracy = max(points, key=lambda point: point[1])
            self.say(f"best {accuracy:.3f} at w = {w:g}")
        return True

    def baseline_shown(self) -> float | None:
        """Return the height of the dashed line, or None if it is hidden."""
        return float(self._alike.value()) if self._alike.isVisible() else None

    def points_shown(self) -> list[tuple[float, float]]:
        """Return the points of the curve."""
        x, y = self._curve.getData()
        return [] if x is None else list(zip(x.tolist(), y.tolist(), strict=True))

    def paint(self) -> None:
        """Colour curve and line."""
        self._curve.setPen(pg.mkPen(self.theme.curve(2), width=2))
        self._curve.setSymbolBrush(self.theme.curve(2))
        self._curve.setSymbolPen(None)
        self._alike.setPen(pg.mkPen(self.theme.cursor, width=1, style=Qt.PenStyle.DashLine))
        self._alike.label.setColor(self.theme.text)

    def _draw(self, points: Points, baseline: float | None) -> None:
        self._curve.setData([x for x, _ in points], [y for _, y in points])
        heights = [y for _, y in points]
        self._alike.setVisible(baseline is not None)
        if baseline is not None:
            self._alike.setValue(baseline)
            self._alike.label.setFormat(f"all in one class: {baseline:.2f}")
            heights.append(baseline)
        low, high = min(heights), max(heights)
        span = max(high - low, _LEAST_SPAN)
        self._plot.setYRange(low - _ROOM * span, high + 0.08 * span, 0)


def _of_result(result: dict[str, Any]) -> list[tuple[float, float]]:
    """Return guidance and accuracy of each candidate in the result of a guidance selection."""
    calibration = result.get("calibration")
    candidates = calibration.get("candidates", []) if isinstance(calibration, dict) else []
    # Use the map's accuracy if the rule uses the map, as `Candidate.rule_accuracy` does.
    return [
        (float(each["guidance"]), float(each[name]))
        for each in candidates
        for name in ["accuracy" if each.get("map_accuracy") is None else "map_accuracy"]
    ]
