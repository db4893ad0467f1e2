"""`LesionModel`: the lesions of the mask as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QFont

from napari_anofpdm.panels.shared.numbered_model import NumberedModel
from napari_anofpdm.widgets.titled_table import Index

if TYPE_CHECKING:
    from anofpdm.results.lesions import Lesion
    from anofpdm.results.review.verdicts import Review, ReviewedLesions, Verdict


class Column(NamedTuple):
    """A column: its title, its explanation, the text for a lesion, and what it is sorted by."""

    title: str
    explanation: str
    write: Callable[[Lesion], str]
    order: Callable[[Lesion], float]


def _slices(lesion: Lesion) -> str:
    first, last = lesion.first_slice, lesion.last_slice
    return f"{first}" if first == last else f"{first}-{last}"


def _number(lesion: Lesion) -> float:
    return lesion.number


def _nothing(_: Lesion) -> str:
    return ""


COLUMNS = (
    Column("No.", "Number; the largest lesion is 1.", lambda one: str(one.number), _number),
    Column(
        "ml",
        "Volume in millilitres.",
        lambda lesion: f"{lesion.volume_ml:.2f}",
        lambda lesion: lesion.volume_ml,
    ),
    Column(
        "mm",
        "Largest diameter in millimetres.",
        lambda lesion: f"{lesion.diameter_mm:.0f}",
        lambda lesion: lesion.diameter_mm,
    ),
    Column(
        "Slices",
        "First and last axial slice, counted from the feet.",
        _slices,
        lambda lesion: lesion.first_slice,
    ),
    Column(
        "Peak",
        "Largest value of the anomaly map in the lesion (squared intensity, no unit).",
        lambda lesion: "" if lesion.peak is None else f"{lesion.peak:#.3g}",
        lambda lesion: -1.0 if lesion.peak is None else lesion.peak,
    ),
    Column(
        "Region (approximate)",
        "Region near the lesion's centre, by an affine fit to a template; approximate.",
        _nothing,
        _number,
    ),
    Column("✓", "Select to accept the lesion.", _nothing, _number),
    Column("✗", "Select to reject the lesion: it leaves the mask.", _nothing, _number),
)
SLICES, PEAK, REGION, ACCEPT, REJECT = range(3, len(COLUMNS))
_VERDICTS: dict[int, Verdict] = {ACCEPT: "accepted", REJECT: "rejected"}


class LesionModel(NumberedModel):
    """One row per lesion; the last two columns are check boxes for the verdict."""

    verdict_chosen = Signal(int, str)
    """Emitted with the number of a lesion and the verdict that the user chose."""

    def __init__(self) -> None:
        super().__init__([column[:2] for column in COLUMNS])
        self._review: Review | None = None
        self._fixed = False
        self._regions: Mapping[int, str] = {}

    def set_lesions(self, reviewed: ReviewedLesions | None, *, fixed: bool) -> None:
        """Set the lesions; `fixed` where none can be rejected."""
        self._review = None if reviewed is None else reviewed.review
        self._fixed = fixed
        self.set_items(() if reviewed is None else reviewed.lesions.table)

    def set_review(self, reviewed: ReviewedLesions) -> None:
        """Set the review of the same lesions without emitting a signal of the user's."""
        self._review = reviewed.review
        if self.number_of_rows():
            last = self.index(self.number_of_rows() - 1, REJECT)
            self.dataChanged.emit(self.index(0, 0), last)

    def set_regions(self, regions: Mapping[int, str]) -> None:
        """Set the region of each lesion by its number."""
        self._regions = regions
        if self.number_of_rows():
            self.sort(*self._sorted_by)
            last = self.index(self.number_of_rows() - 1, REGION)
            self.dataChanged.emit(self.index(0, REGION), last)

    def order_of(self, item: Lesion, column: int) -> Any:
        """Return what a lesion is sorted by in a column; those with a verdict come first."""
        if column == REGION:
            return self._regions.get(item.number, "")
        if column in _VERDICTS:
            return self._verdict(item) != _VERDICTS[column]
        return COLUMNS[column].order(item)

    def _verdict(self, lesion: Lesion) -> Verdict:
        return "unreviewed" if self._review is None else self._review.of(lesion.number).verdict

    def _note(self, lesion: Lesion) -> str:
        return "" if self._review is None else self._review.of(lesion.number).note

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, alignment or check state of a cell; a rejected lesion is struck out."""
        lesion: Lesion = self.item(index.row())
        column = index.column()
        verdict, note = self._verdict(lesion), self._note(lesion)
        if role == Qt.ItemDataRole.DisplayRole:
            if column == REGION:
                return self._regions.get(lesion.number, "")
            noted = " ✎" if note and column == 0 else ""
            return COLUMNS[column].write(lesion) + noted
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(column, note)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            left = column == REGION
            side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.CheckStateRole and self._is_choice(column):
            chosen = verdict == _VERDICTS[column]
            return Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.FontRole and verdict == "rejected":
            font = QFont()
            font.setStrikeOut(True)
            return font
        return None

    def _tip(self, column: int, note: str) -> str:
        if self._is_choice(column):
            return COLUMNS[column].explanation
        if column == REJECT:
            return _FIXED_TIP
        return f"{_GO_TIP}\nNote: {note}" if note else _GO_TIP

    def _is_choice(self, column: int) -> bool:
        return column == ACCEPT or (column == REJECT and not self._fixed)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Make the verdicts checkable."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        checkable = self._is_choice(index.column())
        return flags | Qt.ItemFlag.ItemIsUserCheckable if checkable else flags

    def setData(  # noqa: N802 - Qt's name
        self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Emit the verdict after the user clicks a check box; no tick means no verdict."""
        column = index.column()
        if role != Qt.ItemDataRole.CheckStateRole or not self._is_choice(column):
            return False
        ticked = Qt.CheckState(value) == Qt.CheckState.Checked
        verdict = _VERDICTS[column] if ticked else "unreviewed"
        self.verdict_chosen.emit(self.item(index.row()).number, verdict)
        return True


_GO_TIP = "Click to go to the lesion's centre."
_FIXED_TIP = "Remove the lesion from the mask's layer."
