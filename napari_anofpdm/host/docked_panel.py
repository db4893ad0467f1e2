"""`DockedPanel`: a panel that finds its column, and stops listening when napari closes its dock."""

from __future__ import annotations

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_anofpdm.host.focus import show_focus
from napari_anofpdm.host.weak_listener import stop_listening

_SUFFIX = " (AnoFPDM)"


class DockedPanel(QWidget):
    """Base class of the panels.

    napari's Plugins menu opens a panel in a row of its own, and hides the panel that is behind
    another tab. Here a panel becomes a tab of the column that the other panels share, and comes to
    the front instead of being hidden from behind.

    napari's close button removes the panel from its dock but does not destroy it. The hidden
    panel must stop listening to keys, layers and results; otherwise it would act beside the
    panel that is opened next.
    """

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Find the column in a new dock; stop listening when the panel has lost its parent."""
        super().changeEvent(event)
        if event is None or event.type() != QEvent.Type.ParentChange:
            return
        if self.parentWidget() is None:
            stop_listening(self)
            return
        # napari has yet to put the new dock into its window.
        soon = QTimer(self)
        soon.setSingleShot(True)
        soon.timeout.connect(self.settle)
        soon.start(0)

    def settle(self) -> None:
        """Become a tab of the column of panels on this side of the window; once."""
        show_focus(self)
        dock = dock_of(self)
        if dock is None or dock.findChild(_DockWatch) is not None:
            return
        _DockWatch(dock)
        # The text of the tab, where the full title would be cut off.
        dock.setWindowTitle(dock.windowTitle().removesuffix(_SUFFIX))
        window = dock.parentWidget()
        if not isinstance(window, QMainWindow):
            return
        area = window.dockWidgetArea(dock)
        column = [
            other
            for other in window.findChildren(QDockWidget)
            if other is not dock
            and not other.isFloating()
            and window.dockWidgetArea(other) == area
            and other.findChild(DockedPanel) is not None
        ]
        if column and dock not in window.tabifiedDockWidgets(column[-1]):
            window.tabifyDockWidget(column[-1], dock)
            dock.raise_()


class _DockWatch(QObject):
    """Brings a dock to the front when it is shown, or hidden while another tab covers it.

    To Qt, a dock behind another tab is visible; a menu entry that toggles it would hide it.
    """

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self._dock, self._in_front = dock, True
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._to_front)
        dock.visibilityChanged.connect(self._note)
        dock.installEventFilter(self)

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Take note of the dock's own showing and hiding."""
        if event is None or not isalive(self._dock):  # a window that goes hides its docks
            return False
        kind = event.type()
        if kind == QEvent.Type.ShowToParent:
            self._dock.raise_()
        elif kind == QEvent.Type.Hide and self._dock.isHidden() and not self._in_front:
            self._soon.start(0)
        return False

    def _note(self, in_front: bool) -> None:
        self._in_front = in_front

    def _to_front(self) -> None:
        # A dock that napari has closed holds no panel any more.
        if self._dock.findChild(DockedPanel) is not None:
            self._dock.show()


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that holds a widget, or None."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above
