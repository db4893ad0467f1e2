"""The summary of a cohort, as it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table


def cohort_summary(out: Path, document: Mapping[str, Any]) -> Group:
    """Summarise `summary.json` in a small table."""
    counts = document["counts"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Scans", str(counts["scans"]))
    table.add_row("Done", str(counts["done"]))
    table.add_row("Failed", f"{counts['failed']}" + (" (failures.csv)" * bool(counts["failed"])))
    if counts["left"]:
        table.add_row("Left", f"{counts['left']}; the same command continues")
    table.add_row("Results", str(out))
    return Group(table, document["intended_use"])
