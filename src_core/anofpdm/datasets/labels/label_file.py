"""The CSV of slice labels that a person makes, one line a subject; `prepare --labels` reads it."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Annotation
from anofpdm.datasets.csv_file import Row, read_csv
from anofpdm.datasets.labels.annotations import (
    LABEL_COLUMN,
    RANGES_COLUMN,
    annotation_of,
    read_annotations,
    written_ranges,
)

_SUBJECT = "subject"


def labels_in(path: Path) -> dict[str, Annotation]:
    """Return the annotations in a CSV by subject; none where there is no file or column yet.

    Raises
    ------
    DatasetError
        When the file cannot be read.
    """
    if not os.path.lexists(path):  # a dead link is not overwritten
        return {}
    if not {LABEL_COLUMN, RANGES_COLUMN} & set(read_csv(path, needs=[_SUBJECT]).columns):
        return {}  # a table of scans without labels
    return read_annotations(path)


def save_label(path: Path, subject: str, annotation: Annotation) -> None:
    """Write one subject's labels into a CSV; other subjects and columns stay.

    A file that does not exist is made; a table of scans gets the columns it lacks.

    Parameters
    ----------
    path : Path
        The CSV.
    subject : str
    annotation : Annotation
        Without verdict and ranges, nothing is known of the subject.

    Raises
    ------
    DatasetError
        When the subject has no name, labels contradict each other, or the file is no such CSV.
    OutputError
        When it cannot be written.
    """
    if not subject.strip():
        raise DatasetError("Enter a subject name before you label its slices.")
    cells = {
        _SUBJECT: subject.strip(),
        LABEL_COLUMN: annotation.verdict or "",
        RANGES_COLUMN: written_ranges(annotation.ranges),
    }
    annotation_of(Row(str(path), {name: text for name, text in cells.items() if text}))
    columns, rows = [*cells], []
    if os.path.lexists(path):
        labels_in(path)  # report errors in other lines before writing
        table = read_csv(path, needs=[_SUBJECT])
        if "" in table.columns:
            raise DatasetError(
                f"{path} has a column without a name; name it, or its cells would be lost."
            )
        columns = [*table.columns]
        columns += [name for name in cells if name not in columns]
        rows = [dict(row.values) for row in table.rows]
    known = next((row for row in rows if row.get(_SUBJECT) == cells[_SUBJECT]), None)
    if known is None:
        rows.append(cells)
    else:
        known.update(cells)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_path(path, overwrite=True) as pending:
        pending.write_text(text.getvalue(), encoding="utf-8")


def proposed_subject(scan: Path) -> str:
    """Guess how `prepare` names the subject of a scan.

    Parameters
    ----------
    scan : Path
        A file of BIDS (sub- and ses-), or any other, BraTS among them: its name without the
        contrast, so that all scans of a subject agree, or, where it is named by its contrast alone,
        the folder's.
    """
    from anofpdm.datasets.nifti_files import stem_of
    from anofpdm.scans.modalities import CONTRASTS

    stem = stem_of(scan)
    entities = [part for part in stem.split("_") if part.startswith(("sub-", "ses-"))]
    if entities:
        return "_".join(entities)
    words = re.split(r"([-_. ]+)", stem)  # every second item is a separator
    while words and words[-1].lower() in CONTRASTS:
        words = words[:-2]
    return "".join(words) or scan.absolute().parent.name or stem
