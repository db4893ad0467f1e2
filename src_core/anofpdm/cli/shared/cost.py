"""Output of `--dry-run`."""

from __future__ import annotations

from anofpdm.cli.shared.console import Console
from anofpdm.common.cost import Cost


def finish_dry_run(console: Console, cost: Cost) -> None:
    """Warn of problems that prevent the start, and print the estimated cost."""
    for problem in cost.problems:
        console.warn(problem)
    console.finish({"dry_run": True, **cost.payload}, cost.words)
