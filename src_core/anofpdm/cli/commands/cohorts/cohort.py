"""`anofpdm cohort merge`: put the shards of a cohort together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anofpdm.cli.commands.cohorts.summary import cohort_summary
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.exit_codes import IN_PART

app = typer.Typer(help="Work on the output folders of segment-cohort.")

FolderArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="The output folder of segment-cohort --shard.", show_default=False
    ),
]


@app.callback()
def _group() -> None:
    pass


@app.command()
@with_console
def merge(folder: FolderArgument, *, console: Console) -> None:
    """Write summary, failures and report over the shards of a cohort.

    Example: anofpdm cohort merge results
    """
    from anofpdm.cohorts.documents import merge_parts, write_documents
    from anofpdm.cohorts.naming import PlainNaming
    from anofpdm.common.user_path import user_path

    root = user_path(folder)
    naming = PlainNaming()
    merged = merge_parts(root, naming)
    if merged.missing:
        numbers = ", ".join(map(str, merged.missing[:10]))
        console.warn(f"Shards that have not finished: {numbers}. Run them, and merge again.")
    with merged.place.locked():
        document = write_documents(merged.place, naming, merged.cohort, merged.outcome)
    console.finish(
        {"out": str(folder), **document, "missing_shards": list(merged.missing)},
        cohort_summary(folder, document),
    )
    if merged.missing or document["counts"]["failed"] or document["counts"]["left"]:
        raise typer.Exit(IN_PART)
