"""`Comparison`: the comparison of two examinations that a viewer shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from anofpdm.results.follow_up.comparison import FollowUp


class Comparison:
    """Holds at most one comparison, and the lesion that is selected in it.

    Attributes
    ----------
    changed : Signal(FollowUp or None)
        Another comparison, or none any more.
    selected_changed : Signal(int or None)
    found : FollowUp or None
    selected : int or None
        Number of a lesion in the table of changes.
    """

    changed = Signal(object)
    selected_changed = Signal(object)

    def __init__(self) -> None:
        self.found: FollowUp | None = None
        self.selected: int | None = None

    def show(self, found: FollowUp | None) -> None:
        """Show a comparison in place of the former one."""
        if found is not self.found:
            self.found, self.selected = found, None
            self.changed.emit(found)

    def select(self, number: int | None) -> None:
        """Select a lesion, or none."""
        if number != self.selected:
            self.selected = number
            self.selected_changed.emit(number)
