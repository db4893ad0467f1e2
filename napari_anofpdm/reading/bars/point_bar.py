"""`PointBar`: the toolbar under the canvas, with the noise level and the values at the pointer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QSlider, QToolBar

from napari_anofpdm.host.focus import show_focus
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.reading.pointer import words_at

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_anofpdm.reading.layouts import Layouts
    from napari_anofpdm.session.session import Session

_SLIDER_PX = 180
_LEVEL_PX = 60
_BLEND_PX = 110


class PointBar(QToolBar):
    """A slider of the steps of the forward process, and where the pointer is.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    layouts : Layouts
        The pointer is followed over all its canvases.
    blend : callable
        Lays the healthy prediction over the scan, with a share of 0..1.
    keys : mapping of str to str
        The key of each action, for the tooltips.
    """

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        layouts: Layouts,
        blend: Callable[[float], None],
        keys: Mapping[str, str],
    ) -> None:
        super().__init__("AnoFPDM noise level")
        self.setObjectName("anofpdm point bar")
        self.setMovable(False)
        show_focus(self)
        self._viewer, self._session, self._layouts = viewer, session, layouts
        self._elsewhere: list[tuple[Any, Callable[..., None]]] = []
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setFixedWidth(_SLIDER_PX)
        self.slider.setToolTip(
            "Noise level of the step maps and predictions, from the scan (left) toward noise. "
            f"Keys {keys['previous_step']} and {keys['next_step']}."
        )
        self.slider.setAccessibleName("Noise level")
        self.level = QLabel()
        self.level.setMinimumWidth(_LEVEL_PX)
        self.blend = QSlider(Qt.Orientation.Horizontal)
        self.blend.setFixedWidth(_BLEND_PX)
        self.blend.setRange(0, 100)
        self.blend.setAccessibleName("Blend of scan and healthy prediction")
        self.blend.setToolTip(
            "Blend the scan (left) with what the model predicts for a healthy brain (right), at\n"
            "the noise level in view."
        )
        self.blend.valueChanged.connect(lambda percent: blend(percent / 100))
        self.values = QLabel()
        self.values.setToolTip("Coordinates of the pointer, and the values of scan and map there.")
        self.values.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        # A long text must not widen the window.
        self.values.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.values.setMinimumWidth(1)
        for widget in (
            QLabel(" Noise level "),
            self.slider,
            self.level,
            QLabel(" Scan "),
            self.blend,
            QLabel(" healthy "),
            self.values,
        ):
            self.addWidget(widget)
        self.slider.valueChanged.connect(self._slid)
        listen(
            self,
            [
                (session.analysis_changed, self._renew),
                (session.step_changed, self._show_step),
                (viewer.cursor.events.position, self._point),
                (layouts.changed, self._follow_canvases),
                (session.closed, self._forget),
            ],
        )
        self._renew()
        self._follow_canvases()

    def _slid(self, step: int) -> None:
        self._session.set_step(step)

    def _renew(self, _: object = None) -> None:
        analysis = self._session.analysis
        self.slider.setEnabled(analysis is not None)
        self.blend.setEnabled(analysis is not None)
        self.blend.setValue(0)
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, 0 if analysis is None else len(analysis.timesteps) - 1)
        self._show_step()

    def _show_step(self, _: object = None) -> None:
        analysis = self._session.analysis
        with QSignalBlocker(self.slider):
            self.slider.setValue(self._session.step)
        timestep = "" if analysis is None else f"t = {analysis.timesteps[self._session.step]}"
        self.level.setText(timestep)

    def _point(self, _: object = None) -> None:
        self.values.setText(words_at(self._viewer, self._viewer.cursor.position))

    def _follow_canvases(self, _: object = None) -> None:
        self._forget()
        shown = self._layouts.shown
        for view in [] if shown is None else shown.views:
            model = view.model
            signal = model.cursor.events.position

            def point(_: object = None, model: Viewer = model) -> None:
                self.values.setText(words_at(self._viewer, model.cursor.position))

            signal.connect(point)
            self._elsewhere.append((signal, point))

    def _forget(self) -> None:
        for signal, method in self._elsewhere:
            signal.disconnect(method)
        self._elsewhere = []
