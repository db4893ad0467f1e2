"""The files of a comparison of two time points: table, report section and their names."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from anofpdm.results.follow_up.matching import STATES, LesionChanges

BASELINE_MASK_FILE = "baseline_mask.nii.gz"
FOLLOW_UP_MASK_FILE = "follow_up_mask.nii.gz"
BASELINE_BRAIN_FILE = "baseline_brain_mask.nii.gz"
FOLLOW_UP_BRAIN_FILE = "follow_up_brain_mask.nii.gz"
CHANGE_TABLE_FILE = "follow_up.csv"
CHANGE_PICTURE_FILE = "follow_up.png"
MATCHING_RULE = (
    "Lesions belong together when they lie in one 26-connected component of the union of both "
    "masks. A lesion has grown or shrunk when its volume changed by more than both margins."
)
COLUMNS = (
    "number",
    "state",
    "parts",
    "baseline_lesions",
    "follow_up_lesions",
    "baseline_ml",
    "follow_up_ml",
    "change_ml",
    "change_percent",
    "overlap_ml",
    "first_slice",
    "last_slice",
    "centre_right_mm",
    "centre_anterior_mm",
    "centre_superior_mm",
)


def registered_file(modality: str) -> str:
    """Name of the follow-up scan on the voxels of the baseline."""
    return f"follow_up_{modality}.nii.gz"


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


def write_change_csv(path: Path, section: dict[str, Any]) -> None:
    """Write one line per lesion, the largest union first, after a line of column names.

    Parameters
    ----------
    path : Path
        The CSV file, in UTF-8 with commas; it is replaced.
    section : dict
        As `changes_of` returns it. Numbers of several lesions are parted by spaces; the percentage
        of a new lesion is empty.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for each in section["lesions"]:
            measured = ("baseline_ml", "follow_up_ml", "change_ml", "change_percent", "overlap_ml")
            table.writerow(
                [
                    each["number"],
                    each["state"],
                    each["parts"],
                    " ".join(map(str, each["baseline_lesions"])),
                    " ".join(map(str, each["follow_up_lesions"])),
                    *(each[name] for name in measured),
                    *each["slices"],
                    *each["centre_mm"],
                ]
            )
