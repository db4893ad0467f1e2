"""`UprightScroll`: a scroll area that scrolls vertically and shows its full width."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QScrollArea, QWidget

_LEAST_WIDTH_PX, _LEAST_HEIGHT_PX = 270, 120


class UprightScroll(QScrollArea):
    """A scroll area that requests the width its content needs.

    Parameters
    ----------
    content : QWidget
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)
        content.installEventFilter(self)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the width of the content and the scroll bar."""
        content, bar = self.widget(), self.verticalScrollBar()
        assert content is not None
        assert bar is not None
        width = max(content.minimumSizeHint().width(), _LEAST_WIDTH_PX)
        return QSize(width + bar.sizeHint().width(), _LEAST_HEIGHT_PX)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Give wrapped text the height that it needs at this width."""
        super().resizeEvent(event)
        self._fit_height()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Update the requested width when the content changes."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._fit_height()
        return super().eventFilter(watched, event)

    def _fit_height(self) -> None:
        content, room = self.widget(), self.viewport()
        layout = None if content is None else content.layout()
        if content is None or room is None or layout is None:
            return
        if layout.hasHeightForWidth():
            content.setMinimumHeight(layout.minimumHeightForWidth(room.width()))
