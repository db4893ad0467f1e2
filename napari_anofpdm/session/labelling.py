"""`Labelling`: the unhealthy ranges of slices of the scan that is being labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from anofpdm.datasets.case import Annotation, Verdict

Ranges = tuple[tuple[int, int], ...]


class Labelling:
    """Ranges of axial slices, counted from 0 from the feet up, ends included.

    Attributes
    ----------
    changed : Signal()
        By a mark or a button; not emitted by `load`.
    first_asked, last_asked : Signal()
        A key was pressed: the slice in view is the first, or the last, of an unhealthy range.
    ranges : tuple of (int, int)
        Sorted; none touches another.
    verdict : {"healthy", "unhealthy"} or None
        Of the whole scan, where nobody says more or no range is marked.
    open_end : int or None
        A first slice that waits for its last.
    file : str
        Where labels are saved, as it was written; "" before it is chosen.
    unsaved : dict of str to Annotation
        By subject, what was marked and could not be saved yet.
    """

    changed = Signal()
    first_asked = Signal()
    last_asked = Signal()

    def __init__(self) -> None:
        self.file = ""
        self.unsaved: dict[str, Annotation] = {}
        self.load((), None)

    def load(self, ranges: Ranges, verdict: Verdict | None) -> None:
        """Begin with what is known."""
        self.ranges: Ranges = _joined(ranges)
        self.verdict: Verdict | None = verdict
        self.open_end: int | None = None

    def mark_first(self, index: int) -> None:
        """Begin an unhealthy range."""
        self.open_end = index
        self.changed.emit()

    def mark_last(self, index: int) -> None:
        """End the range that was begun; without one, the slice is a range of its own."""
        begin = index if self.open_end is None else self.open_end
        self.ranges = _joined((*self.ranges, (min(begin, index), max(begin, index))))
        self.verdict, self.open_end = "unhealthy", None
        self.changed.emit()

    def remove(self, index: int) -> None:
        """Take range `index` away; without any left, nothing is known."""
        self.ranges = tuple(r for i, r in enumerate(self.ranges) if i != index)
        if not self.ranges:
            self.verdict = None
        self.changed.emit()

    def judge(self, verdict: Verdict | None) -> None:
        """Say something of the whole scan, in place of ranges."""
        self.ranges, self.verdict, self.open_end = (), verdict, None
        self.changed.emit()

    def is_unhealthy(self, index: int) -> bool:
        """Whether a slice lies in a range."""
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
