"""The layout "table": a CSV with a line for each examination.

Columns: subject; one for each modality, with the path of a scan (relative to the CSV's folder);
and, where wanted, patient, label, unhealthy_slices, mask, brain_mask, split. Others are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from anofpdm.common.errors import DatasetError
from anofpdm.common.user_path import user_path
from anofpdm.datasets.case import Case, Found, unique_cases
from anofpdm.datasets.csv_file import Row, listed, near_miss, read_csv
from anofpdm.datasets.labels.annotations import LABEL_COLUMN, RANGES_COLUMN, annotation_of
from anofpdm.scans.modalities import CONTRASTS

COLUMNS: Final = (
    "subject", "patient", LABEL_COLUMN, RANGES_COLUMN, "mask", "brain_mask", "split",
    *sorted(set(CONTRASTS.values())),
)  # fmt: skip
"""Columns that have a meaning in any table of subjects; those of other modalities come on top."""


def table_modalities(source: Path) -> tuple[str, ...]:
    """Columns of a table that carry the name of a contrast, in their order.

    Raises
    ------
    DatasetError
        When there is none.
    """
    columns = read_csv(source, needs=["subject"]).columns
    found = tuple(column for column in columns if column in CONTRASTS.values())
    if not found:
        meant = next((f"; is {near} meant?" for c in columns if (near := _contrast_near(c))), "")
        raise DatasetError(
            f"{source} has no column named as a contrast ({listed(columns)}{meant}); name those "
            "that hold scans with --modality."
        )
    return found


def table_cases(source: Path, modalities: Sequence[str]) -> Found:
    """List the examinations in a table, sorted by subject.

    Parameters
    ----------
    source : Path
        The CSV file.
    modalities : sequence of str
        Names of the columns that hold the scans.

    Raises
    ------
    DatasetError
        When it cannot be read, lacks such a column, or a line names no subject.
    """
    table = read_csv(source, needs=["subject"])
    for modality in modalities:
        if modality not in table.columns:
            near = near_miss(modality, table.columns)
            raise DatasetError(
                f"{source} has no column {modality} (it has {listed(table.columns)}"
                f"{f'; is {near} meant?' if near else ''}); add it, or choose other modalities."
            )
    cases = [_case(row, modalities, source.parent) for row in table.rows]
    return Found(unique_cases(cases, source))


def _case(row: Row, modalities: Sequence[str], folder: Path) -> Case:
    subject = row.text("subject")
    if not subject:
        raise DatasetError(f"{row.where} has no subject; give each line one.")
    files = {*modalities, "mask", "brain_mask"}
    paths = {name: folder / user_path(value) for name, value in row.values.items() if name in files}
    missing = [modality for modality in modalities if modality not in paths]
    return Case(
        subject=subject,
        patient=row.text("patient", subject),
        images={modality: paths[modality] for modality in modalities if modality in paths},
        mask=paths.get("mask"),
        brain_mask=paths.get("brain_mask"),
        annotation=annotation_of(row),
        problem=f"{row.where} has no {' and no '.join(missing)} scan." if missing else "",
    )


def _contrast_near(column: str) -> str:
    return CONTRASTS.get(column) or near_miss(column, sorted(set(CONTRASTS.values())))
