"""`anofpdm dicom list`: list the DICOM series in a folder, DICOMDIR or zip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from anofpdm.cli.shared.console import Console, with_console

if TYPE_CHECKING:
    from anofpdm.scans.dicom.series import Series

app = typer.Typer(help="List the series of DICOM folders.")

PathArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        help="A folder (searched with its subfolders), a DICOMDIR, a zip, or one DICOM file.",
        show_default=False,
    ),
]


@app.callback()
def _group() -> None:
    pass


@app.command("list")
@with_console
def list_(path: PathArgument, *, console: Console) -> None:
    """List series: number, description, date, matrix, voxel size, guessed contrast.

    Series that cannot be read as a volume are listed with the reason. Choose one by its number or
    description: --image flair=PATH#5. Descriptions and dates are shown as the scanner wrote them.

    Example: anofpdm dicom list exam
    """
    from anofpdm.common.user_path import user_path
    from anofpdm.scans.dicom.series import find_series

    found = [_row(series) for series in find_series(user_path(path))]
    table = Table("series", "description", "date", "matrix", "voxel (mm)", "contrast", box=None)
    for row in found:
        spacing = row["spacing_mm"]
        table.add_row(
            row["series"],
            row["description"] or "-",
            row["date"] or "-",
            " x ".join(map(str, row["matrix"])),
            "-" if spacing is None else " x ".join(f"{mm:.3g}" for mm in spacing),
            row["contrast"] or "?",
        )
    faults = [f"Series {row['series']} {row['fault']}" for row in found if row["fault"]]
    console.finish({"series": found}, Group(table, *faults))


def _row(series: Series) -> dict[str, Any]:
    return {
        "series": series.key,
        "description": series.description,
        "date": series.date,
        "uid": series.uid,
        "matrix": list(series.matrix),
        "spacing_mm": None if series.stack is None else list(series.stack.spacing),
        "contrast": series.modality,
        "fault": series.fault,
    }
