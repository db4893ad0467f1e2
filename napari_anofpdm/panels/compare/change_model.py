"""`ChangeModel`: what became of each lesion, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor

from napari_anofpdm.panels.shared.numbered_model import NumberedModel
from napari_anofpdm.widgets.titled_table import Index

if TYPE_CHECKING:
    from anofpdm.results.follow_up.comparison import FollowUp
    from anofpdm.results.follow_up.matching import LesionChange


class Column(NamedTuple):
    """A column: its title, its explanation, the text for a lesion, and what it is sorted by."""

    title: str
    explanation: str
    write: Callable[[LesionChange], str]
    order: Callable[[LesionChange], Any]


def _state(change: LesionChange) -> str:
    return f"{change.state}, {change.parts}" if change.parts else change.state


def _percent(change: LesionChange) -> str:
    percent = change.change_percent
    return "" if percent is None else f"{percent:+.0f} %"


def _more(change: LesionChange) -> str:
    first, last = change.first_slice, change.last_slice
    slices = f"slice {first}" if first == last else f"slices {first} to {last}"
    said = f"{_state(change).capitalize()}; {change.change_ml:+.2f} ml; {slices} from the feet."
    return f"{said}\n{_GO_TIP}"


COLUMNS = (
    Column(
        "No.",
        "Number; 1 has the largest volume at both times together.",
        lambda change: str(change.number),
        lambda change: change.number,
    ),
    Column(
        "State",
        "What became of the lesion; split or merged where one became several, or several one.",
        _state,
        _state,
    ),
    Column(
        "Before",
        "Volume at baseline in millilitres.",
        lambda change: f"{change.baseline_ml:.2f}",
        lambda change: change.baseline_ml,
    ),
    Column(
        "After",
        "Volume at follow-up in millilitres.",
        lambda change: f"{change.follow_up_ml:.2f}",
        lambda change: change.follow_up_ml,
    ),
    Column(
        "Change",
        "Change of the volume in percent of that at baseline; none for a new lesion.",
        _percent,
        lambda change: np.inf if change.change_percent is None else change.change_percent,
    ),
)
STATE = 1
_GO_TIP = "Click to go to the lesion in both views."


class ChangeModel(NumberedModel):
    """One row per lesion of the union of both masks."""

    def __init__(self) -> None:
        super().__init__([column[:2] for column in COLUMNS])

    def set_found(self, found: FollowUp | None) -> None:
        """Show the lesions of a comparison."""
        self.set_items(() if found is None else found.changes.table)

    def order_of(self, item: LesionChange, column: int) -> Any:
        """Return what a lesion is sorted by in a column."""
        return COLUMNS[column].order(item)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text or alignment of a cell, and the colour of a state."""
        change: LesionChange = self.item(index.row())
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[column].write(change)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _more(change)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column == STATE else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and column == STATE:
            from anofpdm.results.follow_up.states import STATE_COLOURS

            return QColor(STATE_COLOURS[change.state])
        return None
