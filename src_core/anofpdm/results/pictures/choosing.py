"""Which slices a figure shows: by number, with the most lesion, or spread through the lesions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.results.pictures.planes import AXIS_ACROSS, Plane

_COUNTED = re.compile(r"(?P<kind>most|even):(?P<count>\d{1,3})")
_RANGE = re.compile(r"(?P<first>\d{1,5})(-(?P<last>\d{1,5})(:(?P<step>\d{1,5}))?)?")
GRAMMAR = "numbers (80,85), ranges (80-100 or 80-100:5), most:N or even:N"
_FOR_ALL = ""


@dataclass(frozen=True)
class SliceChoice:
    """A choice of slices of one plane.

    Attributes
    ----------
    kind : {"most", "even", "numbers"}
        The slices with the most lesion, slices equally spaced through the lesions, or those named.
    count : int
        How many; of "numbers" all are shown.
    numbers : tuple of int
        The slices named, counted from 0 toward superior, anterior or right.
    """

    kind: Literal["most", "even", "numbers"]
    count: int = 0
    numbers: tuple[int, ...] = ()

    @classmethod
    def of(cls, text: str) -> SliceChoice:
        """Read ``80,85``, ``80-100``, ``80-100:5``, ``most:3`` or ``even:4``.

        Raises
        ------
        SettingsError
            When the text is none of these.
        """
        if (match := _COUNTED.fullmatch(text.strip())) and int(match["count"]) > 0:
            return cls("most" if match["kind"] == "most" else "even", int(match["count"]))
        numbers: list[int] = []
        for part in text.split(","):
            found = _RANGE.fullmatch(part.strip())
            step = int((found and found["step"]) or 1)
            last = found and (found["last"] or found["first"])
            if found is None or last is None or step < 1 or int(last) < int(found["first"]):
                raise SettingsError(f"'{text}' names no slices; give {GRAMMAR}.")
            numbers += range(int(found["first"]), int(last) + 1, step)
        return cls("numbers", len(numbers), tuple(dict.fromkeys(numbers)))

    def picked(self, marked: NDArray[Any], head: tuple[int, int], plane: Plane) -> list[int]:
        """Return the slices.

        Parameters
        ----------
        marked : ndarray, shape (n,)
            Lesion area of each slice; where there is none, slices are spread through the head.
        head : tuple of int
            First and last slice that show the head.
        plane : {"axial", "coronal", "sagittal"}
            Named in errors.

        Returns
        -------
        list of int
            Increasing, except for numbers, which keep their order.

        Raises
        ------
        SettingsError
            When the scan has no such slice.
        """
        if self.kind == "numbers":
            beyond = [number for number in self.numbers if number >= len(marked)]
            if beyond:
                raise SettingsError(
                    f"The scan has no {plane} slice {beyond[0]}; it has 0 to {len(marked) - 1}."
                )
            return list(self.numbers)
        used = np.flatnonzero(marked)
        if not used.size:
            return _spread(*head, self.count)
        if self.kind == "even":
            return _spread(int(used[0]), int(used[-1]), self.count)
        return [int(k) for k in most_marked(marked, self.count)]


def figure_slices(area: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Pick the slices worth showing: spread evenly, and those with the most lesion.

    Parameters
    ----------
    area : ndarray, shape (n,)
        Lesion area of each slice.
    count : int
        How many to pick; all of them when `n` is not larger.

    Returns
    -------
    ndarray of int
        Positions, increasing. Up to half are the largest lesions, neighbours kept apart so that
        one lesion does not fill the page; the rest are spread evenly.
    """
    total = len(area)
    if total <= count:
        return np.arange(total)
    apart = max(1, total // (2 * count))
    picked: list[int] = []
    for position in np.argsort(-area, kind="stable"):
        if area[position] <= 0 or len(picked) == count // 2:
            break
        if all(abs(int(position) - other) >= apart for other in picked):
            picked.append(int(position))
    edges = np.array([-1, *sorted(picked), total])
    shares = np.zeros(len(edges) - 1, dtype=int)
    for _ in range(count - len(picked)):
        shares[np.argmax(np.diff(edges) / (shares + 1))] += 1
    for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True):
        picked.extend(np.rint(np.linspace(low, high, share + 2)[1:-1]).astype(int))
    return np.array(sorted(picked), dtype=np.intp)


def most_marked(marked: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Pick the slices with the most lesion, neighbours kept apart; spread evenly where none has.

    Parameters
    ----------
    marked : ndarray, shape (n,)
        Marked area of each slice.
    count : int
        The largest number of slices.

    Returns
    -------
    ndarray of int
        Positions, increasing.
    """
    apart = max(1, len(marked) // (4 * count))
    picked: list[int] = []
    for position in np.argsort(-marked, kind="stable").tolist():
        if marked[position] <= 0 or len(picked) == count:
            break
        if all(abs(position - other) >= apart for other in picked):
            picked.append(position)
    return np.array(sorted(picked), dtype=np.intp) if picked else figure_slices(marked, count)


def marked_range(marked: NDArray[Any]) -> SliceChoice:
    """Choose all slices from the first to the last with a lesion; all slices where none has one."""
    used = np.flatnonzero(marked)
    first, last = (int(used[0]), int(used[-1])) if used.size else (0, len(marked) - 1)
    return SliceChoice("numbers", last + 1 - first, tuple(range(first, last + 1)))


def slice_choices(texts: Sequence[str], planes: Sequence[Plane]) -> dict[Plane, SliceChoice]:
    """Read ``SLICES`` for all planes, or ``PLANE=SLICES`` for one.

    Raises
    ------
    SettingsError
        When a text is no choice, or names a plane that is not shown.
    """
    chosen: dict[str, SliceChoice] = {_FOR_ALL: SliceChoice("most", 3)}
    for text in texts:
        plane, equals, rest = text.partition("=")
        if equals and plane not in planes:
            raise SettingsError(
                f"'{text}' chooses slices of the plane '{plane}', and shown are "
                f"{', '.join(planes)}; planes are {', '.join(AXIS_ACROSS)}."
            )
        chosen[plane if equals else _FOR_ALL] = SliceChoice.of(rest if equals else text)
    return {plane: chosen.get(plane, chosen[_FOR_ALL]) for plane in planes}


def _spread(first: int, last: int, count: int) -> list[int]:
    """Middles of `count` equal parts of a range of slices, both ends included."""
    middles = first - 0.5 + (last - first + 1) * (np.arange(count) + 0.5) / count
    return sorted({int(n) for n in np.clip(np.rint(middles), first, last)})
