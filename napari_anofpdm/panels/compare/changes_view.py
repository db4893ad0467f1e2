"""`ChangesView`: totals in a sentence, a legend, and the table of the lesions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QSignalBlocker, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QVBoxLayout, QWidget

from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.compare.change_model import STATE, ChangeModel
from napari_anofpdm.panels.shared.lesion_table import LesionTable
from napari_anofpdm.widgets.field import wrapped_label

if TYPE_CHECKING:
    from anofpdm.results.follow_up.comparison import FollowUp
    from napari_anofpdm.comparing.comparison import Comparison

_MOST_ROWS = 10
_NARROW = "QHeaderView::section { padding: 2px 3px; }"  # napari's own is as wide as two digits
_ROW_PX = 22
_WIDTHS_PX = (38, 0, 52, 46, 58)


class ChangesView(QWidget):
    """Shows a comparison; hidden while there is none.

    Parameters
    ----------
    comparison : Comparison
    go_to : callable
        Takes the number of the lesion whose row is clicked, or reached with the arrows.
    """

    def __init__(self, comparison: Comparison, go_to: Callable[[int], None]) -> None:
        super().__init__()
        self._comparison, self._go_to = comparison, go_to
        self._follows = True
        self.totals, self.note = wrapped_label(), wrapped_label()
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setToolTip(
            "The colours of the outlines; while a lesion is selected, the others are dimmed."
        )
        self.doubts = wrapped_label()
        self.model, self.table = ChangeModel(), LesionTable()
        self._build()
        self.table.clicked.connect(self._on_row)
        rows = self.table.selectionModel()
        assert rows is not None
        rows.currentRowChanged.connect(self._on_row)
        listen(
            self,
            [(comparison.changed, self._show), (comparison.selected_changed, self._select)],
        )
        self._show(comparison.found)

    def set_doubt_colour(self, colour: str) -> None:
        """Set the colour of warnings, "#rrggbb"."""
        self.doubts.setStyleSheet(f"color: {colour};")

    def _build(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setAccessibleName("Changes of the lesions")
        table.setToolTip("What became of each lesion. Click on a row to go to it in both views.")
        rows, columns = table.verticalHeader(), table.horizontalHeader()
        assert rows is not None and columns is not None
        rows.hide()
        rows.setDefaultSectionSize(_ROW_PX)
        for column, width in enumerate(_WIDTHS_PX):
            columns.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            table.setColumnWidth(column, width)
        columns.setSectionResizeMode(STATE, QHeaderView.ResizeMode.Stretch)
        columns.setMinimumSectionSize(20)
        table.setStyleSheet(_NARROW)
        columns.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        table.setSortingEnabled(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.totals, self.note, self.doubts, self.legend, table):
            layout.addWidget(widget)

    def _show(self, found: FollowUp | None) -> None:
        self.setVisible(found is not None)
        self.model.set_found(found)
        if found is None:
            return
        self.totals.setText(totals_in_words(found))
        self.note.setText(found.note)
        self.note.setVisible(bool(found.note))
        warnings = found.report["warnings"]
        self.doubts.setText("\n".join(warnings))
        self.doubts.setVisible(bool(warnings))
        self.legend.setText(legend_of(found))
        self.legend.setVisible(bool(found.changes.table))
        count = len(found.changes.table)
        self.table.setVisible(bool(count))
        self.table.setFixedHeight((min(count, _MOST_ROWS) + 1) * _ROW_PX + 14)

    def _on_row(self, index: QModelIndex, _: object = None) -> None:
        if index.isValid() and self._follows:
            self._go_to(self.model.item(index.row()).number)

    def _select(self, number: int | None) -> None:
        row = self.model.row_of(number)
        if row is None:
            rows = self.table.selectionModel()
            assert rows is not None
            with QSignalBlocker(rows):
                self.table.setCurrentIndex(QModelIndex())
        elif row != self.table.currentIndex().row():
            self._follows = False
            try:
                self.table.selectRow(row)
            finally:
                self._follows = True


def totals_in_words(found: FollowUp) -> str:
    """Return one sentence on number and volume of the lesions at both times."""
    table = found.changes.table
    if not table:
        return "No lesion was found at either time."
    before = sum(change.baseline_ml for change in table)
    after = sum(change.follow_up_ml for change in table)
    share = f", {100 * (after - before) / before:+.0f} %" if before else ""
    return (
        f"{_count(len(table))}: {before:.2f} ml at baseline, {after:.2f} ml at follow-up "
        f"({after - before:+.2f} ml{share})."
    )


def legend_of(found: FollowUp) -> str:
    """Return the colours of the states with their counts, as rich text."""
    from anofpdm.results.follow_up.states import STATE_COLOURS, STATES
    from napari_anofpdm.comparing.layers import NOT_COMPARED

    changes = found.changes
    entries = [(STATE_COLOURS[state], f"{changes.count(state)} {state}") for state in STATES]
    outside = len(changes.baseline_outside) + len(changes.follow_up_outside)
    if outside:
        entries.append((NOT_COMPARED, f"{outside} not compared"))
    return " &nbsp; ".join(
        f"<span style='color: {colour}'>\u25a0</span>&nbsp;{text.replace(' ', '&nbsp;')}"
        for colour, text in entries
    )


def _count(lesions: int) -> str:
    return f"{lesions} lesion{'' if lesions == 1 else 's'}"
