"""`CurvesPanel`: the curves of the slice in view, its histogram, and a strip of all slices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QResizeEvent, QShowEvent
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.host.dock_room import DockRoom
from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.notify import show_failure
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.curves.curve_saving import SaveButton
from napari_anofpdm.panels.curves.slice_verdict import SliceVerdict, gate_words
from napari_anofpdm.panels.shared.result_pages import ResultPages
from napari_anofpdm.plots.divergence_plot import DivergencePlot
from napari_anofpdm.plots.error_plot import ErrorPlot
from napari_anofpdm.plots.histogram_plot import HistogramPlot
from napari_anofpdm.plots.plot_theme import plot_theme
from napari_anofpdm.plots.slice_row import slice_row
from napari_anofpdm.plots.slice_strip import SliceStrip

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm import Analysis, Interpretation
    from napari_anofpdm.session.session import Session

WHAT_FOR = "The curves of the slice in view will appear here."
_CELL_ASPECT = 1.6
_CELL_WIDTH_PX = 210
_SETTLED_MS = 30


def columns_for(width: int, height: int) -> int:
    """Return how many of the four plots fit side by side, 1, 2 or 4, for the panel's shape.

    Parameters
    ----------
    width, height : int
        Space for the plots, in pixels.
    """

    def strain(columns: int) -> float:
        aspect = (width / columns) / (max(height, 1) / (4 // columns))
        return abs(math.log(max(aspect, 1e-6) / _CELL_ASPECT))

    fitting = [n for n in (1, 2, 4) if n == 1 or width / n >= _CELL_WIDTH_PX]
    return min(fitting, key=strain)


class CurvesPanel(DockedPanel):
    """Shows how a slice got its mask: M_t and t_e, errors and gate, histogram and Q*.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose theme is used.
    session : Session
        The session whose slice in view is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self._outdated = True
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLED_MS)
        self._settled.timeout.connect(self._paint)
        self._room = DockRoom(self)
        self.verdict = SliceVerdict()
        self.save = SaveButton(self._session)
        self.divergence, self.errors = DivergencePlot(), ErrorPlot()
        self.histogram, self.strip = HistogramPlot(), SliceStrip()
        self._frames = (self.divergence, self.errors, self.histogram, self.strip)
        self._build()
        self._connect_controls()
        self._connect_session()
        self._repaint()

    def message(self) -> str:
        """Return the text above the plots, or the text that replaces them."""
        shown = self._pages.words if self._pages.is_empty else self.verdict.words
        return str(shown.text())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of one column beside the canvas, or of one row below it."""
        return QSize(330, 250)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Arrange the plots for a wide or a tall panel."""
        super().resizeEvent(event)
        self._arrange()
        self._room.look()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the changes made while the panel was hidden."""
        super().showEvent(event)
        if self._outdated:
            self._draw_all()

    def _build(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(4, 4, 4, 0)
        top.addWidget(self.verdict, 1)
        top.addWidget(self.save, 0, Qt.AlignmentFlag.AlignTop)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(4, 0, 4, 4)
        self._columns = 0
        plots, page = QWidget(), QWidget()
        plots.setLayout(self._grid)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setWidget(plots)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(top)
        column.addWidget(self._scroll, 1)
        self._pages = ResultPages(self._session, page, WHAT_FOR)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self.setMinimumSize(230, 170)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._arrange()

    def _arrange(self) -> None:
        columns = columns_for(self.width(), self.height() - self.verdict.sizeHint().height())
        if columns == self._columns:
            return
        self._columns = columns
        for place, frame in enumerate(self._frames):
            self._grid.removeWidget(frame)
            self._grid.addWidget(frame, place // columns, place % columns)
        for n in range(4):
            self._grid.setColumnStretch(n, int(n < columns))
            self._grid.setRowStretch(n, int(n < 4 // columns))

    def _connect_controls(self) -> None:
        session = self._session
        self.verdict.show_anyway.connect(self._show_anyway)
        self.divergence.step_moved.connect(session.set_step)
        self.errors.step_moved.connect(session.set_step)
        self.strip.slice_chosen.connect(session.set_position)
        self.divergence.end_step_dragged.connect(lambda t: self._change(end_step=t))
        self.divergence.auto_requested.connect(lambda: self._change(end_step=None))
        self.histogram.threshold_dragged.connect(self._set_threshold)
        self.histogram.rule_requested.connect(self._restore_rule)

    def _connect_session(self) -> None:
        session = self._session
        heard: list[tuple[Any, Callable[..., None]]] = [
            (session.analysis_changed, self._analysis_changed),
            (session.position_changed, self._position_changed),
            (session.slice_interpreted, self._slice_changed),
            (session.slices_done, self._volume_changed),
            (session.settings_changed, self._volume_changed),
            (session.native_changed, self._volume_changed),
            (session.edited_changed, self._volume_changed),
            (session.step_changed, self._step_changed),
            (self._viewer.events.theme, self._repaint),
        ]
        listen(self, heard)

    def _paint(self) -> None:
        self.setUpdatesEnabled(True)

    def _repaint(self, _: object = None) -> None:
        theme = plot_theme(self._viewer.theme)
        for frame in self._frames:
            frame.set_theme(theme)

    def _analysis_changed(self, _: object = None) -> None:
        if self._in_sight():
            self._draw_all()

    def _slice_changed(self, _: object = None) -> None:
        if self._in_sight():
            self._draw_slice()

    def _position_changed(self, position: int) -> None:
        self.strip.set_position(position)
        # If the slice was interpreted at once, it has already been drawn.
        if self._session.slice_result is None and self._in_sight():
            self._draw_slice()

    def _volume_changed(self, _: object = None) -> None:
        if self._in_sight():
            self._draw_strip()
            analysis, result = self._session.analysis, self._session.slice_result
            if analysis is None or result is None:
                self._draw_slice()
            else:
                self._show_verdict(analysis, result)

    def _step_changed(self, index: int) -> None:
        self.divergence.set_step(index)
        self.errors.set_step(index)

    def _in_sight(self) -> bool:
        """Return whether the panel is visible; if not, it is drawn when shown."""
        self._outdated = self._outdated or not self.isVisible()
        return self.isVisible()

    def _draw_all(self) -> None:
        self._outdated = False
        analysis = self._session.analysis
        steps = np.array(() if analysis is None else analysis.timesteps, dtype=np.int64)
        for frame in (self.divergence, self.errors):
            frame.clear()
            frame.set_timesteps(steps)
        self._step_changed(self._session.step)
        self._draw_strip()
        self._draw_slice()

    def _draw_slice(self) -> None:
        # Texts and plots settle in several rounds, and each would compose the whole window anew.
        self.setUpdatesEnabled(False)
        if not self._settled.isActive():
            self._settled.start()
        analysis, result = self._session.analysis, self._session.slice_result
        if analysis is not None and result is not None:
            self._draw_result(analysis, result)
            return
        for frame in (self.divergence, self.errors, self.histogram):
            frame.clear()
        if analysis is not None:
            self.verdict.say(self._why_nothing(analysis))

    def _draw_result(self, analysis: Analysis, result: Interpretation) -> None:
        session, settings = self._session, result.settings
        self._show_verdict(analysis, result)
        self.divergence.set_curves(
            result.divergence[0],
            result.end_step[0],
            result.modalities,
            fixed=settings.end_step is not None,
        )
        cosine = float(result.cosine[0])
        words = gate_words(
            cosine, settings.cosine_threshold, gate=settings.gate, skull=_shows_skull(analysis)
        )
        wordings = (words, words.partition(":")[0], f"cosine {cosine:.3f}")
        self.errors.set_curves(result.mse_healthy[0], result.mse_null[0], *wordings)
        brain = np.asarray(analysis.foreground[session.position])
        rule = None if session.calibrated is None else session.calibrated.threshold
        self.histogram.set_values(
            result.anomaly_map[0][brain],
            result.filtered_map[0][brain],
            float(result.threshold[0]),
            manual=settings.threshold != rule,
        )

    def _show_verdict(self, analysis: Analysis, result: Interpretation) -> None:
        session, kept = self._session, None
        if session.is_current and session.native_found is not None:
            canonical = analysis.geometry.orientation.to_canonical(session.native_found.mask)
            kept = bool(canonical[:, :, int(result.slice_ids[0])].any())
        self.verdict.show_result(
            result,
            shown_anyway=session.position in session.shown_anyway,
            kept=kept,
            skull=_shows_skull(analysis),
        )

    def _why_nothing(self, analysis: Analysis) -> str:
        position = self._session.position
        if position < 0:
            return "The slice in view was not analysed. Click a slice in the strip to go to it."
        slice_id = int(analysis.slice_ids[position])
        if position not in self._session.done:
            return f"Slice {slice_id} is not computed yet."
        return f"Slice {slice_id} is being interpreted."

    def _draw_strip(self) -> None:
        session = self._session
        if session.analysis is None:
            self.strip.clear()
            return
        result = session.volume_result
        settings = session.settings if result is None else result.settings
        self.strip.set_row(
            slice_row(session.analysis, result, session.measured),
            settings,
            current=session.is_current,
            edited=session.edited is not None,
            skull=_shows_skull(session.analysis),
        )
        self.strip.set_position(session.position)

    def _show_anyway(self, shown: bool) -> None:
        if self._session.position >= 0:
            self._session.show_anyway(self._session.position, shown)

    def _set_threshold(self, value: float) -> None:
        from anofpdm.method.settings import AbsoluteThreshold

        settings = self._session.settings
        extent = 1.0
        if settings is not None and isinstance(settings.threshold, AbsoluteThreshold):
            extent = settings.threshold.extent
        self._change(threshold=AbsoluteThreshold(value=value, extent=extent))

    def _restore_rule(self) -> None:
        rule, settings = self._session.calibrated, self._session.settings
        if rule is not None and settings is not None:
            largest = settings.max_divergence or rule.max_divergence
            self._change(threshold=rule.threshold, max_divergence=largest)

    def _change(self, **changes: Any) -> None:
        from anofpdm.common.errors import AnofpdmError

        try:
            self._session.update_settings(**changes)
        except AnofpdmError as error:
            show_failure(error, "changing a setting")


def _shows_skull(analysis: Analysis) -> bool:
    from anofpdm.scans.skull import tells_of_skull

    return tells_of_skull(analysis.metadata.warnings)
