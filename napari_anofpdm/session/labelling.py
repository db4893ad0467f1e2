"""`Labelling`: the unhealthy slice ranges of the scan being labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from anofpdm.datasets.case import Annotation, Verdict

Ranges = tuple[tuple[int, int], ...]


class Labelling:
    """Ranges of axial slices, counted from 0 at the feet, ends included.

    Attributes
    ----------
    changed : Signal()
        Emitted after a mark or a button, not by `load`.
    first_asked, last_asked : Signal()
        A key was pressed: the slice in view is the first, or the last, of an unhealthy range.
    ranges : tuple of (int, int)
        Sorted; ranges never touch.
    verdict : {"healthy", "unhealthy"} or None
        Verdict on the whole scan, or None if it is not labelled.
    open_end : int or None
        First slice of a range whose last slice is not marked yet.
    file : str
        The label file as the user entered it; "" before it is chosen.
    unsaved : dict of str to Annotation
        Marks that could not be saved yet, by subject.
    """

    changed = Signal()
    first_asked = Signal()
    last_asked = Signal()

    def __init__(self) -> None:
        self.file = ""
        self.unsaved: dict[str, Annotation] = {}
        self.load((), None)

    def load(self, ranges: Ranges, verdict: Verdict | None) -> None:
        """Start from given labels."""
        self.ranges: Ranges = _joined(ranges)
        self.verdict: Verdict | None = verdict
        self.open_end: int | None = None

    def mark_first(self, index: int) -> None:
        """Start an unhealthy range."""
        self.open_end = index
        self.changed.emit()

    def mark_last(self, index: int) -> None:
        """End the started range; if there is none, mark this slice only."""
        begin = index if self.open_end is None else self.open_end
        self.ranges = _joined((*self.ranges, (min(begin, index), max(begin, index))))
        self.verdict, self.open_end = "unhealthy", None
        self.changed.emit()

    def remove(self, index: int) -> None:
        """Remove range `index`; if no range is left, the scan is not labelled."""
        self.ranges = tuple(r for i, r in enumerate(self.ranges) if i != index)
        if not self.ranges:
            self.verdict = None
        self.changed.emit()

    def judge(self, verdict: Verdict | None) -> None:
        """Set a verdict on the whole scan, which replaces the ranges."""
        self.ranges, self.verdict, self.open_end = (), verdict, None
        self.changed.emit()

    def is_unhealthy(self, index: int) -> bool:
        """Return whether a slice lies in a range."""
        return any(first <= index <= last for first, last in self.ranges)


def _joined(ranges: Ranges) -> Ranges:
    """Sort ranges, and join those that overlap or touch."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)
