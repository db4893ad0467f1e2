"""`SliceStrip`: cosine, verdict and lesion size of all slices; a click goes to a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_anofpdm.plots.plot_frame import PlotFrame
from napari_anofpdm.plots.slice_row import SliceRow
from napari_anofpdm.plots.snap_cursor import SnapCursor

if TYPE_CHECKING:
    from anofpdm.method.settings import Settings

_TOOLTIP = (
    "All analysed slices, from the feet up. Top: the cosine of the error curves (no unit);\n"
    "slices above the dashed line (Cos*) count as healthy. Bottom: the marked area or volume.\n"
    "Grey: not computed yet. Click a slice to go there."
)

_LEFT_AXIS_PX = 60  # room for cosines with three digits and the axis label


class SliceStrip(PlotFrame):
    """Two rows over the slices: the cosine with Cos*, and the lesion's area or volume."""

    slice_chosen = Signal(int)
    """Position of the slice to go to, among the analysed slices."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Slices", _TOOLTIP, rows=2, parent=parent)
        self.unit = QComboBox()
        self.unit.addItems(["mm²", "ml"])
        self.unit.setAccessibleName("Unit of the columns")
        self.unit.setToolTip(
            "Unit of the columns: the marked area of each slice in square millimetres,\n"
            "or its volume in millilitres (area times the distance between slices)."
        )
        self.unit.currentIndexChanged.connect(lambda _: self._draw())
        self.heading.addWidget(self.unit)
        above, below = self.plots
        above.getAxis("left").setTickDensity(0.35)
        for plot in self.plots:
            plot.getAxis("left").setWidth(_LEFT_AXIS_PX)
        above.getAxis("bottom").setStyle(showValues=False)
        above.setLabel("left", "cosine")
        below.setLabel("bottom", "slice")
        below.setXLink(above)
        self._row: SliceRow | None = None
        self._gate_threshold: float | None = None
        self._judged = False
        self._current, self._edited, self._skull = True, False, False
        self._missing = [pg.BarGraphItem(x=[], height=[], width=1.0) for _ in self.plots]
        for plot, item in zip(self.plots, self._missing, strict=True):
            item.setZValue(-10)
            plot.addItem(item, ignoreBounds=True)
        self._dots = {name: pg.ScatterPlotItem() for name in ("healthy", "unhealthy")}
        for item in self._dots.values():
            above.addItem(item)
        self._limit = pg.InfiniteLine(
            angle=0, label="Cos*", labelOpts={"position": 0.99, "anchors": [(1, 0), (1, 1)]}
        )
        above.addItem(self._limit, ignoreBounds=True)
        self._columns = pg.BarGraphItem(x=[], height=[], width=0.8)
        below.addItem(self._columns)
        self._cursor = SnapCursor(self.plots, self)
        self._cursor.moved.connect(self.slice_chosen)
        self.on_click(self._cursor.move_to)
        self.clear()

    def clear(self) -> None:
        """Remove all slices."""
        self._row = None
        self._cursor.set_values(np.empty(0))
        self._draw()

    def set_row(
        self,
        row: SliceRow,
        settings: Settings | None,
        *,
        current: bool,
        edited: bool = False,
        skull: bool = False,
    ) -> None:
        """Show all slices.

        Parameters
        ----------
        row : SliceRow
        settings : Settings or None
            Settings of the row, or None if there are none yet.
        current : bool
            Whether the row matches the current settings; if not, the summary says so.
        edited : bool
            Whether the columns are those of a mask that the user edits; the summary says so.
        skull : bool
            Whether the scan shows the skull: the summary says so in place of the verdicts.
        """
        gated = settings is not None and settings.gate
        self._gate_threshold = settings.cosine_threshold if settings and gated else None
        self._judged = settings is not None and settings.judges
        self._row, self._current, self._edited, self._skull = row, current, edited, skull
        self._cursor.set_values(row.slice_ids)
        self._draw()

    def set_position(self, position: int) -> None:
        """Mark the slice in view, -1 for none, without emitting a signal."""
        self._cursor.set_index(position)

    def slices_shown(self) -> dict[str, list[int]]:
        """Return the slice ids drawn as healthy, unhealthy and missing."""
        drawn = {name: item.getData()[0] for name, item in self._dots.items()}
        drawn["missing"] = self._missing[0].opts["x"]
        return {name: [int(k) for k in ids] for name, ids in drawn.items()}

    def sizes_shown(self) -> list[float]:
        """Return the heights of the columns, in the chosen unit."""
        return [float(height) for height in self._columns.opts["height"]]

    def paint(self) -> None:
        """Colour dots, columns and lines."""
        self._cursor.paint(self.theme)
        self._limit.setPen(pg.mkPen(self.theme.text, width=1, style=Qt.PenStyle.DashLine))
        self._limit.label.setColor(self.theme.text)
        faint = pg.mkColor(self.theme.faint)
        faint.setAlpha(110)
        for item in self._missing:
            item.setOpts(brush=faint, pen=pg.mkPen(None))
        self._paint_dots()
        self._columns.setOpts(brush=self.theme.unhealthy, pen=pg.mkPen(None))

    def _paint_dots(self) -> None:
        for name, item in self._dots.items():
            item.setBrush(getattr(self.theme, "faint" if self._skull else name))

    def _draw(self) -> None:
        row = self._row
        if row is None:
            self.show_plots(False)
            self.say("")
            return
        self.show_plots(True)
        self._draw_cosine(row)
        self._paint_dots()
        self._draw_size(row)
        self.plots[0].setXRange(row.slice_ids[0] - 0.7, row.slice_ids[-1] + 0.7, 0)
        self._draw_missing(row)
        self.say(*self._summary(row))

    def _draw_cosine(self, row: SliceRow) -> None:
        known = row.cosine[row.computed]
        for name, item in self._dots.items():
            picked = row.computed & (row.healthy == (name == "healthy"))
            # The symbol also shows the verdict, for colour-blind users.
            item.setData(
                row.slice_ids[picked],
                row.cosine[picked],
                symbol="s" if self._skull else "t1" if name == "healthy" else "o",
                size=8 if len(row.slice_ids) < 60 else 5,
                pen=None,
            )
        limit = self._gate_threshold
        self._limit.setVisible(limit is not None)
        ends = [*known.tolist(), *([] if limit is None else [limit])] or [0.0, 1.0]
        if limit is not None:
            self._limit.setPos(limit)
        low, high = min(ends), max(ends)
        margin = max((high - low) * 0.12, 1e-6)
        self.plots[0].setYRange(low - margin, high + margin, 0)

    def _draw_size(self, row: SliceRow) -> None:
        in_ml = self.unit.currentIndex() == 1
        size = row.area_mm2 * (row.thickness_mm / 1000.0 if in_ml else 1.0)
        known = row.computed
        self._columns.setOpts(x=row.slice_ids[known], height=size[known], width=0.8)
        largest = float(size[known].max(initial=0.0))
        self.plots[1].setYRange(0.0, (largest or 1.0) * 1.08, 0)
        # The bottom row has space for two numbers only.
        words = f"{largest:.0f}" if largest >= 100 else f"{largest:.3g}"  # never 1.2e+03
        ticks = [(0.0, "0"), (largest, words)] if largest else [(0.0, "0")]
        self.plots[1].getAxis("left").setTicks([ticks])

    def _draw_missing(self, row: SliceRow) -> None:
        absent = row.slice_ids[~row.computed]
        for plot, item in zip(self.plots, self._missing, strict=True):
            low, high = plot.vb.viewRange()[1]
            item.setOpts(x=absent, y0=np.full(len(absent), low), height=high - low, width=1.0)
            item.setVisible(len(absent) > 0)

    def _summary(self, row: SliceRow) -> list[str]:
        """Return the wordings of the summary; shorter ones leave out the first parts."""
        count, total = int(row.computed.sum()), len(row.computed)
        words = [] if count == total else [f"{count} of {total} computed"]
        if self._skull:
            words.append("skull in view")
        elif self._judged and count:
            words.append(f"{int((row.computed & ~row.healthy).sum())} unhealthy")
        if count:
            words.append(f"{row.volume_ml:.2f} ml{' edited' if self._edited else ''}")
        pending = "" if self._current else " (updating)"
        shorter = [", ".join(words[n:]) for n in range(max(len(words), 1))]
        return [shorter[0] + pending, *shorter]
