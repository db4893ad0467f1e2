"""The dialog that asks which series of a DICOM folder to open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from anofpdm.scans.dicom.series import Series

COLUMNS = ("Series", "Description", "Date", "Matrix", "Voxel (mm)", "Contrast")


class SeriesDialog(QDialog):
    """A table of series, of which one or more can be selected.

    Unusable series are listed disabled, with the reason as tooltip.

    Parameters
    ----------
    found : sequence of Series
        At least one of them usable.
    parent : QWidget or None
    """

    def __init__(self, found: Sequence[Series], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose DICOM series")
        self._found = tuple(found)
        self.table = QTableWidget(len(found), len(COLUMNS))
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setToolTip("Click a series; Ctrl-click selects several.")
        side = self.table.verticalHeader()
        if side is not None:
            side.hide()
        for row, series in enumerate(found):
            self._fill(row, series)
        head = self.table.horizontalHeader()
        if head is not None:
            head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            head.setStretchLastSection(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.open_button = buttons.button(QDialogButtonBox.StandardButton.Open)
        self.table.itemSelectionChanged.connect(self._refresh)
        self.table.itemDoubleClicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Several series were found. Open which?"))
        layout.addWidget(self.table)
        layout.addWidget(buttons)
        self.resize(760, 320)
        self._refresh()

    @property
    def chosen(self) -> tuple[Series, ...]:
        """The selected series, in the order of the table."""
        rows = {item.row() for item in self.table.selectedItems()}
        return tuple(self._found[row] for row in sorted(rows))

    def _fill(self, row: int, series: Series) -> None:
        spacing = series.stack.spacing if series.stack is not None else ()
        texts = (
            series.key,
            series.description or "-",
            series.date or "-",
            " x ".join(map(str, series.matrix)),
            " x ".join(f"{mm:.3g}" for mm in spacing) or "-",
            series.modality or "unknown",
        )
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            if series.fault is not None:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setToolTip(f"This series {series.fault}")
            self.table.setItem(row, column, item)

    def _refresh(self) -> None:
        if self.open_button is not None:
            self.open_button.setEnabled(bool(self.chosen))


def ask_for_series(found: Sequence[Series], parent: QWidget | None = None) -> tuple[Series, ...]:
    """Show the dialog and return the selected series; none if it was cancelled."""
    dialog = SeriesDialog(found, parent)
    return dialog.chosen if dialog.exec() == QDialog.DialogCode.Accepted else ()
