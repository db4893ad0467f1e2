"""The section of a report that says how the lesions of two time points differ, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from anofpdm.results.follow_up.matching import LesionChange, LesionChanges, Margin
from anofpdm.results.follow_up.states import STATES, Parts, State

MATCHING_RULE = (
    "Lesions belong together when they lie in one 26-connected component of the union of both "
    "masks. A lesion has grown or shrunk when its volume changed by more than both margins."
)


def changes_of(changes: LesionChanges) -> dict[str, Any]:
    """Return the section of the report, as JSON values.

    Returns
    -------
    dict
        `rule`, `margin` (`ml`, `percent`), `counts` by state, `baseline_ml` and `follow_up_ml` of
        what was compared, `lesions` (see `LesionChange`; `slices` first and last) and
        `not_compared`, the numbers of the lesions outside the part that both scans cover.
    """
    return {
        "rule": MATCHING_RULE,
        "margin": {"ml": changes.margin.ml, "percent": changes.margin.percent},
        "counts": {state: changes.count(state) for state in STATES},
        "baseline_ml": sum(each.baseline_ml for each in changes.table),
        "follow_up_ml": sum(each.follow_up_ml for each in changes.table),
        "lesions": [
            {
                "number": each.number,
                "state": each.state,
                "parts": each.parts,
                "baseline_lesions": list(each.baseline_lesions),
                "follow_up_lesions": list(each.follow_up_lesions),
                "baseline_ml": each.baseline_ml,
                "follow_up_ml": each.follow_up_ml,
                "change_ml": each.change_ml,
                "change_percent": each.change_percent,
                "overlap_ml": each.overlap_ml,
                "slices": [each.first_slice, each.last_slice],
                "centre_mm": [round(x, 2) for x in each.centre_mm],
            }
            for each in changes.table
        ],
        "not_compared": {
            "baseline_lesions": list(changes.baseline_outside),
            "follow_up_lesions": list(changes.follow_up_outside),
        },
    }


class _Stored(BaseModel):
    """Reads what `changes_of` wrote; sums and counts are not read but made anew."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class StoredChange(_Stored):
    """A lesion of the section; see `LesionChange`."""

    number: int
    state: State
    parts: Parts
    baseline_lesions: tuple[int, ...]
    follow_up_lesions: tuple[int, ...]
    baseline_ml: float
    follow_up_ml: float
    overlap_ml: float
    slices: tuple[int, int]
    centre_mm: tuple[float, float, float]

    def change(self) -> LesionChange:
        """Return the lesion."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "slices"}
        return LesionChange(**values, first_slice=self.slices[0], last_slice=self.slices[1])


class StoredMargin(_Stored):
    """The margin of the section; see `Margin`."""

    ml: float
    percent: float


class StoredOutside(_Stored):
    """Numbers of the lesions that were not compared."""

    baseline_lesions: tuple[int, ...] = ()
    follow_up_lesions: tuple[int, ...] = ()


class StoredChanges(_Stored):
    """The section of a report."""

    margin: StoredMargin
    lesions: tuple[StoredChange, ...]
    not_compared: StoredOutside

    def changes(self, labels: NDArray[np.int32]) -> LesionChanges:
        """Return what was written, with the image of the changes.

        Raises
        ------
        SettingsError
            When the margin is out of range.
        """
        return LesionChanges(
            tuple(each.change() for each in self.lesions),
            labels,
            Margin(self.margin.ml, self.margin.percent),
            self.not_compared.baseline_lesions,
            self.not_compared.follow_up_lesions,
        )
