"""The summary of a cohort, as it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.markup import escape

from anofpdm.cli.shared.facts_table import facts_table

SHOWN = 10
"""Failed scans that are named."""


def cohort_summary(out: Path, document: Mapping[str, Any]) -> Group:
    """Summarise `summary.json` in a small table."""
    from anofpdm.cohorts.documents import left_in_words
    from anofpdm.cohorts.table import FAILURES_CSV

    counts = document["counts"]
    table = facts_table()
    table.add_row("Scans", str(counts["scans"]))
    table.add_row("Done", str(counts["done"]))
    failures = document["failures"]
    table.add_row("Failed", str(counts["failed"]))
    for failure in failures[:SHOWN]:
        table.add_row("", escape(f"{failure['scan']}: {failure['reason']}"))
    if len(failures) > SHOWN:
        table.add_row("", f"and {len(failures) - SHOWN} more: {escape(str(out / FAILURES_CSV))}")
    if counts["left"]:
        table.add_row("Left", left_in_words(counts["left"]))
    table.add_row("Results", str(out))
    return Group(table, document["intended_use"])
