"""Real wheel and button events on the canvas of a viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

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


def drag(
    canvas: QWidget,
    button: Qt.MouseButton,
    start: QPoint,
    end: QPoint,
    arrived: Callable[[], bool],
    qtbot: QtBot,
) -> None:
    """Press a button, move, and release it once the move has `arrived`.

    napari delays moves and keeps the last of them: a move of the screen's own pointer, which
    windows of other tests cause, can replace ours, which is therefore sent again.
    """

    def moved() -> bool:
        if not arrived():
            _send(canvas, "MouseMove", Qt.MouseButton.NoButton, button, end)
        return arrived()

    _send(canvas, "MouseButtonPress", button, button, start)
    qtbot.waitUntil(moved, timeout=LONG)
    _send(canvas, "MouseButtonRelease", button, Qt.MouseButton.NoButton, end)


def click(canvas: QWidget, at: QPoint) -> None:
    """Click with the left button."""
    left = Qt.MouseButton.LeftButton
    _send(canvas, "MouseButtonPress", left, left, at)
    _send(canvas, "MouseButtonRelease", left, Qt.MouseButton.NoButton, at)


def pixel_of(model: Viewer, canvas: QWidget, world: Sequence[float]) -> QPoint:
    """Return where a canvas shows a point of the world; `world` is S, P, L in mm."""
    first = model.dims.ndim - len(world)
    row, column = (world[axis - first] for axis in model.dims.displayed)
    camera, middle = model.scene.camera, canvas.rect().center()
    vertical, horizontal = camera.orientation2d
    down = (row - camera.center[1]) * camera.zoom * (1 if vertical == "down" else -1)
    right = (column - camera.center[2]) * camera.zoom * (1 if horizontal == "right" else -1)
    return middle + QPoint(round(right), round(down))


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
