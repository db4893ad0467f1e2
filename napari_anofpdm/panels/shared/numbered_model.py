"""`NumberedModel`: numbered lesions as rows of a table that can be sorted by any column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt

from napari_anofpdm.widgets.titled_table import TitledTableModel


class NumberedModel(TitledTableModel):
    """One row for each item, which has a `number`; equal ones stand in the order of these.

    Parameters
    ----------
    titles : sequence of (str, str)
        Title and explanation of each column.
    """

    def __init__(self, titles: Sequence[tuple[str, str]]) -> None:
        super().__init__(titles)
        self._items: tuple[Any, ...] = ()
        self._sorted_by = (0, Qt.SortOrder.AscendingOrder)

    def order_of(self, item: Any, column: int) -> Any:
        """Return what an item is sorted by in a column."""
        raise NotImplementedError

    def set_items(self, items: Sequence[Any]) -> None:
        """Show other items, sorted as before."""
        self.beginResetModel()
        self._items = self._in_order(items)
        self.endResetModel()

    def item(self, row: int) -> Any:
        """Return the item of a row."""
        return self._items[row]

    def row_of(self, number: int | None) -> int | None:
        """Return the row of an item, if it is in the table."""
        numbers = [each.number for each in self._items]
        return numbers.index(number) if number in numbers else None

    def number_of_rows(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what is selected stays selected."""
        self.layoutAboutToBeChanged.emit()
        before, self._sorted_by = self._items, (column, order)
        self._items = self._in_order(before)
        held = self.persistentIndexList()
        moved = [self.index(self._items.index(before[each.row()]), each.column()) for each in held]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def _in_order(self, items: Sequence[Any]) -> tuple[Any, ...]:
        column, order = self._sorted_by
        by_number = sorted(items, key=lambda each: each.number)
        descending = order == Qt.SortOrder.DescendingOrder
        return tuple(
            sorted(by_number, key=lambda each: self.order_of(each, column), reverse=descending)
        )
