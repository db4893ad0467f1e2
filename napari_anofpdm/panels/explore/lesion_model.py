"""`LesionModel`: the lesions of the mask as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from qtpy.QtGui import QFont

if TYPE_CHECKING:
    from anofpdm.results.lesions import Lesion, Lesions

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class Column(NamedTuple):
    """A column: its title, its explanation, and the text for a lesion."""

    title: str
    explanation: str
    write: Callable[[Lesion], str]


def _slices(lesion: Lesion) -> str:
    first, last = lesion.first_slice, lesion.last_slice
    return f"{first}" if first == last else f"{first}-{last}"


COLUMNS = (
    Column("No.", "Number; the largest lesion is 1.", lambda lesion: str(lesion.number)),
    Column("ml", "Volume in millilitres.", lambda lesion: f"{lesion.volume_ml:.2f}"),
    Column("mm", "Largest diameter in millimetres.", lambda lesion: f"{lesion.diameter_mm:.0f}"),
    Column("Slices", "First and last axial slice, counted from the feet.", _slices),
    Column(
        "Peak",
        "Largest value of the anomaly map in the lesion (squared intensity, no unit).",
        lambda lesion: "" if lesion.peak is None else f"{lesion.peak:.3g}",
    ),
    Column("Drop", "Select to remove the lesion from the mask.", lambda lesion: ""),
)
SLICES, DROP = 3, len(COLUMNS) - 1


class LesionModel(QAbstractTableModel):
    """One row per lesion; the last column is a check box."""

    drop_chosen = Signal(object)
    """Emitted when the user drops or restores a lesion: a frozenset of all dropped numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._table: tuple[Lesion, ...] = ()
        self._dropped: frozenset[int] = frozenset()
        self._fixed = False

    def set_lesions(self, lesions: Lesions | None, dropped: Collection[int] | None) -> None:
        """Set the lesions; `dropped` is None where none can be dropped."""
        self.beginResetModel()
        self._table = () if lesions is None else lesions.table
        self._fixed, self._dropped = dropped is None, frozenset(dropped or ())
        self.endResetModel()

    def set_dropped(self, dropped: Collection[int]) -> None:
        """Set the dropped lesions without emitting a signal; none where none can be dropped."""
        self._dropped = frozenset(() if self._fixed else dropped)
        if self._table:
            last = self.index(len(self._table) - 1, DROP)
            self.dataChanged.emit(self.index(0, 0), last)

    def lesion(self, row: int) -> Lesion:
        """Return the lesion of a row."""
        return self._table[row]

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802 - Qt's name
        """Return the number of lesions."""
        return 0 if parent.isValid() else len(self._table)

    def columnCount(self, parent: Index = _ROOT) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title or the explanation of a column."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section].title
            if role == Qt.ItemDataRole.ToolTipRole:
                return COLUMNS[section].explanation
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, alignment or check state of a cell; a dropped lesion is struck out."""
        lesion, column = self._table[index.row()], index.column()
        dropped = lesion.number in self._dropped
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[column].write(lesion)
        if role == Qt.ItemDataRole.ToolTipRole:
            if column != DROP:
                return _GO_TIP
            return _FIXED_TIP if self._fixed else COLUMNS[column].explanation
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.CheckStateRole and column == DROP and not self._fixed:
            return Qt.CheckState.Checked if dropped else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.FontRole and dropped:
            font = QFont()
            font.setStrikeOut(True)
            return font
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Make the last column checkable."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        checkable = index.column() == DROP and not self._fixed
        return flags | Qt.ItemFlag.ItemIsUserCheckable if checkable else flags

    def setData(  # noqa: N802 - Qt's name
        self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Emit the dropped lesions after the user clicks a check box."""
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != DROP or self._fixed:
            return False
        number = frozenset([self._table[index.row()].number])
        ticked = Qt.CheckState(value) == Qt.CheckState.Checked
        self.drop_chosen.emit(self._dropped | number if ticked else self._dropped - number)
        return True


_GO_TIP = "Click to go to the lesion's centre."
_FIXED_TIP = "Erase the lesion in the mask's layer."
