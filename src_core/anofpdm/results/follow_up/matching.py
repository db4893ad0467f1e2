"""Lesions of two masks on one grid, matched by overlap and judged by the change of their volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.results.follow_up.states import Parts, State
from anofpdm.results.lesions import Lesions, find_lesions


@dataclass(frozen=True)
class Margin:
    """A change of volume that counts as none: a lesion must change by more than both.

    The defaults are conventions; they were not measured on repeated scans.

    Attributes
    ----------
    ml : float
        In millilitres, 0 or more.
    percent : float
        Of the volume at baseline, 0 or more.

    Raises
    ------
    SettingsError
        When a value is negative or not finite.
    """

    ml: float = 0.1
    percent: float = 20.0

    def __post_init__(self) -> None:
        for name, value in (("ml", self.ml), ("percent", self.percent)):
            if not 0.0 <= value < np.inf:
                raise SettingsError(
                    f"The margin of change in {name} is {value:g}; it must be 0 or more."
                )

    def state(self, before_ml: float, after_ml: float) -> State:
        """Judge a change of volume in ml; a lesion without volume at one time is new or gone."""
        if not before_ml:
            return "new"
        if not after_ml:
            return "gone"
        change = after_ml - before_ml
        # A small tolerance: a change of exactly the margin must not depend on rounding.
        if abs(change) <= max(self.ml, before_ml * self.percent / 100.0) * (1.0 + 1e-9):
            return "unchanged"
        return "grown" if change > 0 else "shrunk"


@dataclass(frozen=True)
class LesionChange:
    """One 26-connected component of the union of two masks.

    Attributes
    ----------
    number : int
        1 for the largest union; its value in `LesionChanges.labels`.
    state : {"new", "gone", "grown", "shrunk", "unchanged"}
    parts : {"", "split", "merged", "split and merged"}
        One lesion became several, several became one, or several became several others.
    baseline_lesions, follow_up_lesions : tuple of int
        Numbers of the lesions that belong to it.
    baseline_ml, follow_up_ml : float
        Their volume.
    overlap_ml : float
        Volume that is marked at both times.
    first_slice, last_slice : int
        Canonical axial slices of the union, counted from the feet up, both included.
    centre_mm : tuple of float
        Centre of mass of the union, RAS of the baseline.
    """

    number: int
    state: State
    parts: Parts
    baseline_lesions: tuple[int, ...]
    follow_up_lesions: tuple[int, ...]
    baseline_ml: float
    follow_up_ml: float
    overlap_ml: float
    first_slice: int
    last_slice: int
    centre_mm: tuple[float, float, float]

    @property
    def change_ml(self) -> float:
        """Volume gained; negative where it was lost."""
        return self.follow_up_ml - self.baseline_ml

    @property
    def change_percent(self) -> float | None:
        """Volume gained in percent of that at baseline; None for a new lesion."""
        return 100.0 * self.change_ml / self.baseline_ml if self.baseline_ml else None


@dataclass(frozen=True, eq=False)
class LesionChanges:
    """All lesions of two masks.

    Attributes
    ----------
    table : tuple of LesionChange
        In order of their numbers: the largest union first.
    labels : ndarray of int32, shape of the masks
        0 outside, else the number of the change.
    margin : Margin
    baseline_outside, follow_up_outside : tuple of int
        Numbers of lesions of which no voxel was compared.
    """

    table: tuple[LesionChange, ...]
    labels: NDArray[np.int32]
    margin: Margin
    baseline_outside: tuple[int, ...] = ()
    follow_up_outside: tuple[int, ...] = ()

    def count(self, state: State) -> int:
        """Return how many lesions are in a state."""
        return sum(change.state == state for change in self.table)


def compare_lesions(
    baseline: Lesions,
    follow_up: Lesions,
    affine: NDArray[np.float64],
    *,
    margin: Margin | None = None,
    covered: NDArray[np.bool_] | None = None,
) -> LesionChanges:
    """Match the lesions of two masks on one grid, and judge how each has changed.

    Lesions of the two masks belong together when they lie in one 26-connected component of the
    union of the masks: when they overlap or touch, also by way of a third lesion. The volumes of
    all lesions of a component are added up before they are compared.

    Parameters
    ----------
    baseline, follow_up : Lesions
        On the same voxels.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    margin : Margin, optional
        A change of volume that counts as none.
    covered : ndarray of bool, shape of the masks, optional
        Where both scans reach; voxels elsewhere are not compared. All by default.

    Raises
    ------
    SettingsError
        When the masks, or `covered`, have different shapes.
    """
    shapes = {each.shape for each in (baseline.labels, follow_up.labels)}
    shapes |= set() if covered is None else {covered.shape}
    if len(shapes) > 1:
        raise SettingsError(f"Lesions can be compared on one grid only; got the shapes {shapes}.")
    margin = margin or Margin()
    inside = np.ones(baseline.labels.shape, dtype=np.bool_) if covered is None else covered
    before, after = (np.where(inside, each.labels, 0) for each in (baseline, follow_up))
    union = find_lesions((before > 0) | (after > 0), affine)
    count = len(union.table) + 1
    voxels = [np.bincount(union.labels[mask > 0], minlength=count) for mask in (before, after)]
    both = np.bincount(union.labels[(before > 0) & (after > 0)], minlength=count)
    members = [_members(union.labels, mask) for mask in (before, after)]
    table = []
    for each in union.table:
        n = each.number
        volumes = [float(sizes[n]) * union.voxel_volume_ml for sizes in voxels]
        earlier, later = (found.get(n, ()) for found in members)
        table.append(
            LesionChange(
                number=n,
                state=margin.state(*volumes),
                parts=_parts(len(earlier), len(later)),
                baseline_lesions=earlier,
                follow_up_lesions=later,
                baseline_ml=volumes[0],
                follow_up_ml=volumes[1],
                overlap_ml=float(both[n]) * union.voxel_volume_ml,
                first_slice=each.first_slice,
                last_slice=each.last_slice,
                centre_mm=each.centre_mm,
            )
        )
    return LesionChanges(
        tuple(table), union.labels, margin, _absent(baseline, before), _absent(follow_up, after)
    )


def _members(groups: NDArray[np.int32], labels: NDArray[np.int32]) -> dict[int, tuple[int, ...]]:
    """Return the lesions of each group; every lesion voxel lies in a group."""
    inside = labels > 0
    pairs = np.unique(np.stack([groups[inside], labels[inside]]), axis=1)
    found: dict[int, tuple[int, ...]] = {}
    for group, number in pairs.T.tolist():
        found[group] = (*found.get(group, ()), number)
    return found


def _parts(before: int, after: int) -> Parts:
    if before > 1 and after > 1:
        return "split and merged"
    if before == 1 and after > 1:
        return "split"
    return "merged" if before > 1 and after == 1 else ""


def _absent(lesions: Lesions, compared: NDArray[np.int32]) -> tuple[int, ...]:
    there = set(np.unique(compared).tolist())
    return tuple(each.number for each in lesions.table if each.number not in there)
