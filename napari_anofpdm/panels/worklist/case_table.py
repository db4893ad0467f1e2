"""`CaseTable`: the table of cases; Enter or a double click opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

if TYPE_CHECKING:
    from napari_anofpdm.panels.worklist.case_model import CaseModel

_ROWS_IN_VIEW = 8
_ROW_PX = 22


class CaseTable(QTableView):
    """A table that leaves letters and digits to the viewer's keys.

    Parameters
    ----------
    model : CaseModel

    Attributes
    ----------
    opened : Signal(int)
        The user wants to open the case of this row.
    """

    opened = Signal(int)

    def __init__(self, model: CaseModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName("Cases")
        self.setToolTip("The cases. Double-click on one, or press Enter, to open it.")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None and columns is not None
        rows.hide()
        rows.setDefaultSectionSize(_ROW_PX)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        columns.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.setMinimumHeight((_ROWS_IN_VIEW + 1) * _ROW_PX)
        self.doubleClicked.connect(self._open)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Open with Enter; leave letters alone, which Qt would search the cells for."""
        text = "" if event is None else event.text().strip()
        if event is not None and event.text() in ("\r", "\n"):
            self._open(self.currentIndex())
        elif event is not None and text and text.isprintable():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        if index.isValid():
            self.opened.emit(index.row())
