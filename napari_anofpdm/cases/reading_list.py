"""`ReadingList`: the worklist of a viewer, and the walk through its cases."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_anofpdm.host.notify import show_failure

if TYPE_CHECKING:
    from anofpdm.worklist.case import Case, CaseState
    from anofpdm.worklist.worklist import Worklist
    from napari_anofpdm.cases.open_case import OpenCase


class ReadingList:
    """The cases, their states, and which one is open.

    Parameters
    ----------
    desk : OpenCase
        Opens the cases.

    Attributes
    ----------
    changed : Signal()
        Other cases, or another state of one of them.
    opened : Signal(int or None)
        The index of the case that is open now.
    worklist : Worklist or None
    states : list of {"new", "analysed", "reviewed"}
        Of the cases, as they were when last looked at.
    """

    changed = Signal()
    opened = Signal(object)

    def __init__(self, desk: OpenCase) -> None:
        self._desk = desk
        self.worklist: Worklist | None = None
        self.states: list[CaseState] = []
        desk.changed.connect(self._on_opened)
        desk.saver.saved.connect(self.look)

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases in their order."""
        return () if self.worklist is None else self.worklist.cases

    @property
    def index(self) -> int | None:
        """Index of the open case."""
        case = self._desk.case
        return self.cases.index(case) if case in self.cases else None

    def set(self, worklist: Worklist | None) -> None:
        """Take other cases; the open one is stored and closed."""
        self._desk.close()
        self.worklist = worklist
        self.look()

    def store(self) -> None:
        """Store now what waits to be stored."""
        self._desk.saver.flush(now=True)

    def look(self) -> None:
        """Read the states of all cases again."""
        self.states = [case.state for case in self.cases]
        self.changed.emit()

    def summary(self) -> str:
        """Say how far the work has come, as in "12 cases: 3 reviewed, 4 analysed, 5 new"."""
        count = Counter(self.states)
        parts = (f"{count[state]} {state}" for state in ("reviewed", "analysed", "new"))
        cases = f"{len(self.states)} case{'' if len(self.states) == 1 else 's'}"
        return f"{cases}: {', '.join(parts)}"

    def open(self, index: int) -> None:
        """Open a case; the one that was open is stored and closed."""
        if 0 <= index < len(self.cases) and index != self.index:
            self._desk.open(self.cases[index])

    def walk(self, by: int) -> None:
        """Open the next case, or with -1 the previous one; at the ends nothing happens."""
        here = self.index
        if here is None:
            here = -1 if by > 0 else len(self.cases)
        self.open(here + by)

    def open_unfinished(self) -> None:
        """Open the first case that is not reviewed, from the open one on."""
        count, start = len(self.cases), self.index or 0
        order = [(start + k) % count for k in range(count)]
        todo = [at for at in order if self.states[at] != "reviewed"]
        if todo:
            self.open(todo[0])

    def note(self, text: str) -> None:
        """Write a note on the open case."""
        case = self._desk.case
        if case is not None and case.read().note != text.strip():
            self._write(case, reviewed=case.read().reviewed, note=text)

    def set_reviewed(self, reviewed: bool) -> None:
        """Say that the open case is reviewed, or not yet."""
        case = self._desk.case
        if case is not None:
            self._write(case, reviewed=reviewed, note=case.read().note)

    def toggle_reviewed(self) -> None:
        """Say that the open case is reviewed, or take that back."""
        case = self._desk.case
        if case is not None:
            self.set_reviewed(not case.read().reviewed)

    def _write(self, case: Case, *, reviewed: bool, note: str) -> None:
        if reviewed:  # lesions without a verdict belong to the table of reviews, too
            self._desk.saver.keep()
        try:
            case.write(reviewed=reviewed, note=note)
        except Exception as error:
            show_failure(error, "storing the review")
        self.look()

    def _on_opened(self, _: object) -> None:
        self.opened.emit(self.index)
