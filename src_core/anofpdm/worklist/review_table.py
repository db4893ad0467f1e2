"""All reviews of a worklist as one table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from anofpdm.common.atomic import atomic_path
from anofpdm.common.quantities import rounded_volume
from anofpdm.results.lesion_csv import plain
from anofpdm.results.review.review_file import ReviewFile
from anofpdm.worklist.case import Case
from anofpdm.worklist.case_review import EDITED_MASK_FILE, LESIONS_FILE

COLUMNS = (
    "case",
    "state",
    "case_note",
    "mask",
    "lesion",
    "verdict",
    "note",
    "volume_ml",
    "centre_right_mm",
    "centre_anterior_mm",
    "centre_superior_mm",
)


def write_review_table(path: Path, cases: Iterable[Case], *, overwrite: bool = False) -> int:
    """Write one line per lesion, and one for each case without lesions or a stored review.

    The column "mask" says whether the lesions are those that were found or those of a corrected
    mask.

    Parameters
    ----------
    path : Path
        The CSV file, in UTF-8 with commas.
    cases : iterable of Case
    overwrite : bool

    Returns
    -------
    int
        Number of reviewed cases.

    Raises
    ------
    OutputError
        When the file exists and `overwrite` is false, or cannot be written.
    SettingsError
        When a review is damaged.
    """
    reviewed = 0
    with atomic_path(path, overwrite) as pending, pending.open("w", -1, "utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(COLUMNS)
        for case in cases:
            reviewed += case.state == "reviewed"
            table.writerows(_lines(case))
    return reviewed


def _lines(case: Case) -> Iterator[tuple[object, ...]]:
    start = (plain(case.name), case.state, plain(case.read().note))
    review = case.folder / LESIONS_FILE
    lesions = ReviewFile.read(review).lesions if review.is_file() else []
    if not lesions:
        yield (*start, *[""] * (len(COLUMNS) - len(start)))
    mask = "corrected" if (case.folder / EDITED_MASK_FILE).is_file() else "found"
    for each in lesions:
        note = plain(each.note)
        centre = (round(x, 1) for x in each.centre_mm)
        volume = rounded_volume(each.volume_ml)
        yield (*start, mask, each.number, each.verdict, note, volume, *centre)
