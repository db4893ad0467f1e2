"""The window that lists the plugin's keys."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout

from napari_anofpdm.host.parent_window import parent_window


class ShortcutsDialog(QDialog):
    """A table of keys and their actions.

    Parameters
    ----------
    rows : sequence of (str, str)
        Key and description.
    """

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__(parent_window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("AnoFPDM shortcuts")
        table = QGridLayout()
        table.setHorizontalSpacing(24)
        for line, (key, does) in enumerate(rows):
            name = QLabel(f"<b>{key}</b>")
            table.addWidget(name, line, 0)
            table.addWidget(QLabel(does), line, 1)
        note = QLabel("Keys work while the mouse is over the canvas, with any layer selected.")
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(table)
        layout.addWidget(note)
        layout.addWidget(close)
