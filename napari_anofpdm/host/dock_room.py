"""`DockRoom`: a panel that a low window squeezed gets its room when the window grows."""

from __future__ import annotations

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

_LARGEST_SHARE = 0.4  # of the window's height; the canvas comes first


class DockRoom(QObject):
    """Gives a panel's dock the height that the panel asks for as soon as its window has it.

    Qt keeps a dock's height when its window grows: opened in a low window and maximised, a panel
    would stay low until its edge is dragged. A height that is larger is left alone, and so is one
    in a window that does not grow.

    Parameters
    ----------
    panel : QWidget
        In the dock; it calls `look` whenever it is resized.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._window_height = 0
        # A timer of its own dies with it; Qt has laid out the window when it rings.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._give)

    def look(self) -> None:
        """See whether the window has grown."""
        window = self._panel.window()
        height = 0 if window is None else window.height()
        if height > self._window_height:
            self._soon.start(0)
        self._window_height = height

    def _give(self) -> None:
        dock, window = _dock_of(self._panel), self._panel.window()
        if dock is None or not isinstance(window, QMainWindow) or not dock.isVisible():
            return
        wanted = min(dock.sizeHint().height(), int(_LARGEST_SHARE * window.height()))
        if dock.height() < wanted:
            window.resizeDocks([dock], [wanted], Qt.Orientation.Vertical)


def _dock_of(panel: QWidget) -> QDockWidget | None:
    """Find the dock that holds a panel; None where it floats or stands alone."""
    above = panel.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return None if above is None or above.isFloating() else above
