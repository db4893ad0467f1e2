"""Slice labels that a person gave: the columns `label` and `unhealthy_slices` of a CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Annotation, Verdict
from anofpdm.datasets.csv_file import Row, read_csv

LABEL_COLUMN: Final = "label"
RANGES_COLUMN: Final = "unhealthy_slices"

_VERDICTS: dict[str, Verdict | None] = {
    "healthy": "healthy",
    "unhealthy": "unhealthy",
    "unknown": None,
}
# More digits than any slice needs are no number of one.
_RANGE = re.compile(r"(\d{1,9})(?:\s*[-\N{EN DASH}]\s*(\d{1,9}))?")


def read_annotations(path: Path) -> dict[str, Annotation]:
    """Read the annotations of subjects, by the column `subject`.

    Raises
    ------
    DatasetError
        When the file cannot be read, names a subject twice, or a cell cannot be understood.
    """
    table = read_csv(path, needs=["subject"])
    if not {LABEL_COLUMN, RANGES_COLUMN} & set(table.columns):
        raise DatasetError(
            f"{path} has neither a column {LABEL_COLUMN} nor {RANGES_COLUMN}; add one of them to "
            "label the slices."
        )
    found: dict[str, Annotation] = {}
    for row in table.rows:
        subject = row.text("subject")
        if not subject or subject in found:
            fault = f"repeats the subject {subject}" if subject else "has no subject"
            raise DatasetError(f"{row.where} {fault}; give each subject one line.")
        found[subject] = annotation_of(row)
    return found


def annotation_of(row: Row) -> Annotation:
    """Read the annotation in a line.

    Raises
    ------
    DatasetError
        When a cell cannot be understood or the two contradict each other.
    """
    label = row.text(LABEL_COLUMN, "unknown").lower()
    if label not in _VERDICTS:
        raise DatasetError(
            f'{row.where}: {LABEL_COLUMN} is "{label}"; write {", ".join(_VERDICTS)}, or leave it '
            "empty."
        )
    ranges = parsed_ranges(row.text(RANGES_COLUMN), row.where)
    verdict = _VERDICTS[label]
    if ranges and verdict == "healthy":
        raise DatasetError(
            f"{row.where} is labelled healthy but lists {RANGES_COLUMN}; correct one of them."
        )
    return Annotation(verdict, ranges)


def parsed_ranges(text: str, where: str) -> tuple[tuple[int, int], ...]:
    """Read ranges such as "12-30, 41-47, 60"; ends included, sorted.

    Raises
    ------
    DatasetError
        When the text is something else, or a range ends before it begins.
    """
    pieces = [piece.strip() for piece in re.split(r"[,;]", text) if piece.strip()]
    ranges = []
    for piece in pieces:
        match = _RANGE.fullmatch(piece)
        first = int(match[1]) if match else 1
        last = int(match[2] or first) if match else 0
        if last < first:
            raise DatasetError(
                f'{where}: {RANGES_COLUMN} contains "{piece}", which is not a range of slices; '
                "write FIRST-LAST, separated by commas, such as 12-30, 41-47 (a spreadsheet may "
                "have turned it into a date)."
            )
        ranges.append((first, last))
    return tuple(sorted(ranges))


def written_ranges(ranges: Iterable[tuple[int, int]]) -> str:
    """Write ranges as `parsed_ranges` reads them."""
    return ", ".join(f"{first}-{last}" for first, last in ranges)
