"""Real wheel and button events on the canvas of a viewer."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

NOTCH = 120  # eighths of a degree


def turn_wheel(
    canvas: QWidget,
    notches: int,
    held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    at: QPoint | None = None,
) -> None:
    """Turn the wheel away from the user, or toward him with a negative number."""
    where = QPointF(canvas.rect().center() if at is None else at)
    event = QWheelEvent(
        where,
        QPointF(canvas.mapToGlobal(where.toPoint())),
        QPoint(),
        QPoint(0, notches * NOTCH),
        Qt.MouseButton.NoButton,
        held,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def drag(canvas: QWidget, button: Qt.MouseButton, start: QPoint, end: QPoint) -> None:
    """Press a button, move in a few steps, and release it."""
    _send(canvas, "MouseButtonPress", button, button, start)
    for k in range(1, 5):
        _send(canvas, "MouseMove", Qt.MouseButton.NoButton, button, start + (end - start) * k / 4)
        _wait()
    _send(canvas, "MouseButtonRelease", button, Qt.MouseButton.NoButton, end)


def click(canvas: QWidget, at: QPoint) -> None:
    """Click with the left button."""
    left = Qt.MouseButton.LeftButton
    _send(canvas, "MouseButtonPress", left, left, at)
    _send(canvas, "MouseButtonRelease", left, Qt.MouseButton.NoButton, at)


def _send(
    canvas: QWidget, kind: str, button: Qt.MouseButton, held: Qt.MouseButton, at: QPoint
) -> None:
    event = QMouseEvent(
        getattr(QMouseEvent.Type, kind),
        QPointF(at),
        QPointF(canvas.mapToGlobal(at)),
        button,
        held,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(canvas, event)


def _wait() -> None:
    """Let napari's throttle of moves pass."""
    from qtpy.QtTest import QTest

    QTest.qWait(10)
