"""What stands in an output folder besides the scans: tables, their JSON, and the report."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anofpdm.cohorts.naming import Naming
from anofpdm.cohorts.place import Place, shards_folder
from anofpdm.cohorts.record import ScanRecord
from anofpdm.cohorts.report import html_report
from anofpdm.cohorts.run import CohortOutcome
from anofpdm.cohorts.table import (
    FAILURES_CSV,
    REPORT_HTML,
    SUMMARY_CSV,
    SUMMARY_JSON,
    read_failures,
    write_failures,
    write_rows,
)
from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import DatasetError
from anofpdm.common.reading import file_bytes
from anofpdm.results.report import INTENDED_USE

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Cohort:
    """What a cohort is, for its documents.

    Attributes
    ----------
    source : str
        Name of the source, without folders.
    model : dict
        Name, version and hash of the model.
    settings : dict
        What decides the results besides scan and model.
    key : str
        Hash of both.
    """

    source: str
    model: Mapping[str, str]
    settings: Mapping[str, Any]
    key: str


def write_documents(
    place: Place, naming: Naming, cohort: Cohort, outcome: CohortOutcome
) -> dict[str, Any]:
    """Write tables and report of a run into its folder.

    Parameters
    ----------
    place : Place
    naming : Naming
    cohort : Cohort
    outcome : CohortOutcome

    Returns
    -------
    dict
        The content of `summary.json` without the lines of the scans.

    Raises
    ------
    OutputError
        When they cannot be written.
    """
    folder = place.tables
    rows: list[dict[str, Any]] = sorted(outcome.rows, key=lambda row: str(row["scan"]))
    for row in rows:
        row["folder"] = naming.folder(str(row["scan"])).as_posix()
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "intended_use": INTENDED_USE,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": cohort.source,
        "model": dict(cohort.model),
        "settings": dict(cohort.settings),
        "key": cohort.key,
        "part": None if place.part is None else str(place.part),
        "counts": {
            "scans": len(rows) + len(outcome.failures) + len(outcome.left),
            "done": len(rows),
            "failed": len(outcome.failures),
            "left": len(outcome.left),
        },
        "failures": [{"scan": one.scan, "reason": one.reason} for one in outcome.failures],
        "left": sorted(outcome.left),
    }
    write_rows(folder / SUMMARY_CSV, rows)
    write_failures(folder / FAILURES_CSV, outcome.failures)
    with atomic_path(folder / SUMMARY_JSON, overwrite=True) as pending:
        text = json.dumps({**document, "scans": rows}, indent=1, ensure_ascii=False)
        pending.write_text(text + "\n", encoding="utf-8")
    if place.part is None:
        title = f"{cohort.model['name']} {cohort.model['version']} on {cohort.source}"
        notes = [f"{left_in_words(len(outcome.left))}."] * bool(outcome.left)
        page = html_report(title, rows, outcome.failures, place.root, naming, notes)
        with atomic_path(folder / REPORT_HTML, overwrite=True) as pending:
            pending.write_text(page, encoding="utf-8")
    return document


def left_in_words(count: int) -> str:
    """Say how many scans were not begun, and how they are."""
    scans = "1 scan is" if count == 1 else f"{count} scans are"
    return f"{scans} left; the same segmentation command continues"


@dataclass(frozen=True)
class Merged:
    """The parts of a cohort, put together.

    Attributes
    ----------
    place : Place
    cohort : Cohort
    outcome : CohortOutcome
    missing : tuple of int
        Numbers of the shards that have not finished.
    """

    place: Place
    cohort: Cohort
    outcome: CohortOutcome
    missing: tuple[int, ...]


def merge_parts(root: Path, naming: Naming) -> Merged:
    """Read what the parts of a cohort wrote into one output folder.

    Parameters
    ----------
    root : Path
        The output folder.
    naming : Naming

    Raises
    ------
    DatasetError
        When nothing was segmented into the folder.
    """
    folders = [root, *sorted(shards_folder(root).glob("*"))]
    documents = {
        folder: json.loads(file_bytes(folder / SUMMARY_JSON, DatasetError))
        for folder in folders
        if (folder / SUMMARY_JSON).is_file()
    }
    if not documents:
        raise DatasetError(f"{root} contains no results of a cohort; segment its scans first.")
    # Parts that were made with an earlier model, or with other settings, do not count.
    newest = max(documents.values(), key=lambda document: str(document["created"]))
    mine = {folder: one for folder, one in documents.items() if one["key"] == newest["key"]}
    rows = [
        record.row
        for path in naming.records(root)
        if (record := ScanRecord.read(path)) is not None and record.key == newest["key"]
    ]
    rows.sort(key=lambda row: str(row["scan"]))
    done = {row["scan"] for row in rows}
    failures = {
        failure.scan: failure
        for folder in mine
        for failure in read_failures(folder / FAILURES_CSV)
        if failure.scan not in done
    }
    # The folder's own table counts, too: a run on the whole cohort may have been stopped.
    left = {scan for one in mine.values() for scan in one.get("left", ())} - done - failures.keys()
    cohort = Cohort(newest["source"], newest["model"], newest["settings"], newest["key"])
    outcome = CohortOutcome(rows, list(failures.values()), len(rows), left)
    return Merged(
        Place(root), cohort, outcome, _missing([one["part"] or "" for one in mine.values()])
    )


def _missing(parts: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers of absent shards, of the division with the most parts."""
    shards = [match for part in parts if (match := re.fullmatch(r"(\d+)/(\d+)", part))]
    count = max((int(match[2]) for match in shards), default=0)
    present = {int(match[1]) for match in shards if int(match[2]) == count}
    return tuple(number for number in range(1, count + 1) if number not in present)
