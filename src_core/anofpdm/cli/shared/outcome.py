"""Shared by `segment` and `interpret`: the summary of a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group

from anofpdm.cli.shared.facts_table import facts_table


def summary_of(out: Path, report: Mapping[str, Any]) -> Group:
    """Summarise a report in a small table."""
    from anofpdm.scans.skull import tells_of_skull

    lesions, slices = report["lesions"], report["slices"]
    table = facts_table()
    table.add_row("Lesion volume", f"{lesions['volume_ml']:.2f} ml")
    table.add_row("Lesions", str(len(lesions["components"])))
    settings = report["settings"]
    if settings["gate"] or settings["threshold"]["kind"] == "absolute":
        unhealthy = sum(not entry["healthy"] for entry in slices)
        counted = f"{unhealthy} of {len(slices)} analysed"
        if settings["refinement"] is not None:
            counted += ", by the map"
        if tells_of_skull(report["warnings"]):
            counted += "; not reliable with the skull in view"
        table.add_row("Unhealthy slices", counted)
    else:
        table.add_row("Slices analysed", str(len(slices)))
    table.add_row("Guidance w", f"{report['settings']['guidance']:g}")
    table.add_row("Computing time", f"{report['seconds']:.1f} s")
    table.add_row("Results", str(out))
    return Group(table, report["intended_use"])
