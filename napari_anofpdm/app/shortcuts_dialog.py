"""The window that lists the plugin's keys."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.host.parent_window import parent_window
from napari_anofpdm.host.screen_room import resize_on_screen
from napari_anofpdm.widgets.upright_scroll import UprightScroll


class ShortcutsDialog(QDialog):
    """A table of keys and their actions; it scrolls where the screen is lower than the table.

    Parameters
    ----------
    rows : sequence of (str, str)
        Key and description.
    """

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__(parent_window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("AnoFPDM shortcuts")
        inside = QWidget()
        table = QGridLayout(inside)
        table.setContentsMargins(0, 0, 0, 0)
        table.setHorizontalSpacing(24)
        for line, (key, does) in enumerate(rows):
            name = QLabel(f"<b>{key}</b>")
            table.addWidget(name, line, 0)
            table.addWidget(QLabel(does), line, 1)
        note = QLabel("Keys work while the mouse is over the canvas, with any layer selected.")
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        scroll = UprightScroll(inside)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll, 1)
        layout.addWidget(note)
        layout.addWidget(close)
        needed = layout.minimumSize()
        below = needed.height() - scroll.minimumSizeHint().height()
        resize_on_screen(self, QSize(needed.width(), below + inside.sizeHint().height()))
