"""The mouse on a plot, as a user moves it: press, move in small steps, release."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_anofpdm.plots.plot_frame import PlotFrame


def click(frame: PlotFrame, x: float, row: int = 0) -> None:
    """Click into a plot at the horizontal position `x`, in its units."""
    here = _pixel(frame, x, row)
    _send(frame, QEvent.Type.MouseMove, here, Qt.MouseButton.NoButton)
    _send(frame, QEvent.Type.MouseButtonPress, here, Qt.MouseButton.LeftButton)
    _send(frame, QEvent.Type.MouseButtonRelease, here, Qt.MouseButton.LeftButton)


def drag(frame: PlotFrame, x0: float, x1: float, row: int = 0, steps: int = 12) -> None:
    """Press at `x0`, move to `x1`, release; both in the plot's units."""
    start, end = _pixel(frame, x0, row), _pixel(frame, x1, row)
    _send(frame, QEvent.Type.MouseMove, start, Qt.MouseButton.NoButton)
    _send(frame, QEvent.Type.MouseButtonPress, start, Qt.MouseButton.LeftButton)
    for n in range(1, steps + 1):
        _send(frame, QEvent.Type.MouseMove, start + (end - start) * n / steps, None)
    _send(frame, QEvent.Type.MouseButtonRelease, end, Qt.MouseButton.LeftButton)


def _pixel(frame: PlotFrame, x: float, row: int) -> QPointF:
    box = frame.plots[row].vb
    (_, _), (low, high) = box.viewRange()
    # Off the middle, where labels of lines are.
    scene = box.mapViewToScene(QPointF(x, low + 0.2 * (high - low)))
    return QPointF(frame.canvas.mapFromScene(scene))


def _send(frame: PlotFrame, kind: QEvent.Type, at: QPointF, button: Any) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    held = left if button is None or kind == QEvent.Type.MouseButtonPress else none
    viewport = frame.canvas.viewport()
    event = QMouseEvent(
        kind,
        at,
        QPointF(viewport.mapToGlobal(at.toPoint())),
        none if button is None else button,
        held,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(viewport, event)
    QApplication.processEvents()
