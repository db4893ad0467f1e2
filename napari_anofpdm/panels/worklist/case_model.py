"""`CaseModel`: the cases of a worklist as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QFont

from napari_anofpdm.widgets.titled_table import Index, TitledTableModel

if TYPE_CHECKING:
    from napari_anofpdm.cases.reading_list import ReadingList

TITLES = (
    ("Case", "Name of the case. Double-click or press Enter to open it."),
    ("State", "New: not analysed. Analysed: results are stored. Reviewed: you have finished it."),
)
_SIGNS = {"new": "○ new", "analysed": "◐ analysed", "reviewed": "● reviewed"}


class CaseModel(TitledTableModel):
    """Name and state of each case; the open one is bold.

    Parameters
    ----------
    cases : ReadingList
    """

    def __init__(self, cases: ReadingList) -> None:
        super().__init__(TITLES)
        self._cases = cases
        self._count = len(cases.states)

    def renew(self) -> None:
        """Show other cases, or other states of the same ones."""
        count = len(self._cases.states)
        if count != self._count:
            self.beginResetModel()
            self._count = count
            self.endResetModel()
        elif count:
            self.dataChanged.emit(self.index(0, 0), self.index(count - 1, len(TITLES) - 1))

    def number_of_rows(self) -> int:
        """Return the number of cases."""
        return self._count

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return name or state of a case."""
        row = index.row()
        case = self._cases.cases[row]
        if role == Qt.ItemDataRole.DisplayRole:
            return case.name if index.column() == 0 else _SIGNS[self._cases.states[row]]
        if role == Qt.ItemDataRole.ToolTipRole:
            return case.problem or case.name
        if role == Qt.ItemDataRole.FontRole and row == self._cases.index:
            font = QFont()
            font.setBold(True)
            return font
        return None
