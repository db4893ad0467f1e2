"""`Measurements`: the rulers and regions on the scan in view, with undo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from psygnal import Signal

if TYPE_CHECKING:
    from anofpdm.results.measuring.measurement import Measurement
    from napari_anofpdm.session.scan import Scan

    Items = tuple[Measurement, ...]


@dataclass
class _History:
    """The measurements of one scan, and those before and after each change."""

    items: Items = ()
    undo: list[Items] = field(default_factory=list)
    redo: list[Items] = field(default_factory=list)


class Measurements:
    """Keeps the measurements of each scan while others are in view.

    Attributes
    ----------
    changed : Signal()
        The measurements in view, or the one that is selected, are others now.
    selected : int or None
        Index in `items`.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Scan, _History] = WeakKeyDictionary()
        self._here = _History()
        self.selected: int | None = None

    @property
    def items(self) -> Items:
        """The measurements on the scan in view."""
        return self._here.items

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._here.undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to make again."""
        return bool(self._here.redo)

    def show_scan(self, scan: Scan | None) -> None:
        """Show the measurements of another scan."""
        self._here = _History() if scan is None else self._of.setdefault(scan, _History())
        self.selected = None
        self.changed.emit()

    def begin(self) -> None:
        """Note the measurements as they are, to be taken back to."""
        self._here.undo.append(self._here.items)
        self._here.redo.clear()

    def put(self, measurement: Measurement, index: int | None = None) -> None:
        """Show a measurement in place of another one, or a new one, and select it; no undo step."""
        items = list(self._here.items)
        if index is None:
            items.append(measurement)
            index = len(items) - 1
        else:
            items[index] = measurement
        self._here.items, self.selected = tuple(items), index
        self.changed.emit()

    def set(self, items: Items) -> None:
        """Replace all measurements; the change can be taken back."""
        if items != self._here.items:
            self.begin()
            self._here.items = items
            self._settle()

    def restore(self, items: Items) -> None:
        """Show measurements that were stored; nothing can be taken back."""
        self._here.items = items
        self._here.undo.clear()
        self._here.redo.clear()
        self._settle()

    def remove(self, index: int | None) -> None:
        """Remove a measurement; None, and one that is not there, do nothing."""
        items = self._here.items
        if index is not None and 0 <= index < len(items):
            self.set(items[:index] + items[index + 1 :])

    def select(self, index: int | None) -> None:
        """Select a measurement, or none."""
        if index != self.selected:
            self.selected = index
            self.changed.emit()

    def undo(self) -> None:
        """Take back the last change."""
        here = self._here
        if here.undo:
            here.redo.append(here.items)
            here.items = here.undo.pop()
            self._settle()

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        here = self._here
        if here.redo:
            here.undo.append(here.items)
            here.items = here.redo.pop()
            self._settle()

    def _settle(self) -> None:
        if self.selected is not None and self.selected >= len(self.items):
            self.selected = None
        self.changed.emit()
