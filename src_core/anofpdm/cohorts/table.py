"""The tables of a cohort: a line for each scan, and one for each failure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anofpdm.cohorts.scan import CohortScan, Outcome
from anofpdm.common.atomic import atomic_path
from anofpdm.common.quantities import rounded_volume
from anofpdm.scans.skull import tells_of_skull

SUMMARY_CSV, SUMMARY_JSON = "summary.csv", "summary.json"
FAILURES_CSV = "failures.csv"
REPORT_HTML = "report.html"

_NUMBERS = {
    "volume_ml": "lesion volume, ml",
    "lesions": "number of lesions",
    "largest_ml": "largest lesion, ml",
    "unhealthy_slices": "slices classified as unhealthy",
    "slices": "slices analysed",
    "seconds": "computing time, s",
}
COLUMNS = ("scan", "patient", *_NUMBERS, "skull", "warnings", "folder")
"""Columns of the summary."""


def row_of(scan: CohortScan, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scan's line of the table, as JSON values.

    Parameters
    ----------
    scan : CohortScan
    report : mapping
        See `build_report`.
    """
    found, slices = report["lesions"], report["slices"]
    volumes = [each["volume_ml"] for each in found["components"]]
    return {
        "scan": scan.name,
        "patient": scan.patient,
        "volume_ml": found["volume_ml"],
        "lesions": len(volumes),
        "largest_ml": max(volumes, default=0.0),
        "unhealthy_slices": sum(not each["healthy"] for each in slices),
        "slices": len(slices),
        "seconds": report["seconds"],
        "skull": tells_of_skull(report["warnings"]),
        "warnings": list(report["warnings"]),
    }


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the summary as CSV.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    with atomic_path(path, overwrite=True) as pending, pending.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for row in rows:
            flat = {**row, **rounded_volumes(row), "warnings": " ".join(row["warnings"])}
            table.writerow([_plain(flat.get(column, "")) for column in COLUMNS])


def rounded_volumes(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the volumes of a line as tables give them."""
    return {name: rounded_volume(row[name]) for name in ("volume_ml", "largest_ml")}


def write_failures(path: Path, failures: Sequence[Outcome]) -> None:
    """Write one line for each failure: scan, reason, number of tries.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    with atomic_path(path, overwrite=True) as pending, pending.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("scan", "reason", "tries"))
        for failure in sorted(failures, key=lambda one: one.scan):
            reason = " ".join(failure.reason.split())
            table.writerow((_plain(failure.scan), _plain(reason), failure.tries))


def read_failures(path: Path) -> list[Outcome]:
    """Read what `write_failures` wrote; nothing where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [
            Outcome(row["scan"], "failed", reason=row["reason"], tries=int(row["tries"] or 0))
            for row in csv.DictReader(stream)
        ]


def _plain(value: object) -> object:
    """Let a spreadsheet take a text that begins like a formula as text."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@")):
        return f"'{value}"
    return value
