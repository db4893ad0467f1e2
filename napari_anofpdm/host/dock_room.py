"""`DockRoom`: enlarges a panel's dock when a small window grows."""

from __future__ import annotations

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_anofpdm.host.docked_panel import dock_of

_LARGEST_SHARE = 0.4  # of the window's height; the canvas comes first


class DockRoom(QObject):
    """Enlarges a panel's dock to the panel's size hint as soon as the window has room.

    Qt keeps a dock's height when its window grows. A panel opened in a small window would stay
    small after the window is maximised, until the user drags its edge. A dock that is already
    taller is left alone, and so is a dock in a window that does not grow.

    Parameters
    ----------
    panel : QWidget
        The panel in the dock. It calls `look` whenever it is resized.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._window_height = 0
        # The timer is destroyed with its parent. When it fires, Qt has laid out the window.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._give)

    def look(self) -> None:
        """Check whether the window has grown, and enlarge the dock if so."""
        window = self._panel.window()
        height = 0 if window is None else window.height()
        if height > self._window_height:
            self._soon.start(0)
        self._window_height = height

    def _give(self) -> None:
        dock, window = dock_of(self._panel), self._panel.window()
        if dock is None or not isinstance(window, QMainWindow):
            return
        if dock.isFloating() or not dock.isVisible():
            return
        wanted = min(dock.sizeHint().height(), int(_LARGEST_SHARE * window.height()))
        if dock.height() < wanted:
            window.resizeDocks([dock], [wanted], Qt.Orientation.Vertical)
