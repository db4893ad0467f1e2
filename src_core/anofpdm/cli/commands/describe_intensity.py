"""`anofpdm describe-intensity`: how bright lesions and healthy brain are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.exit_codes import IN_PART
from anofpdm.cli.shared.option_groups.sources import SourceOptions, with_source_options
from anofpdm.jobs.progress import JobProgress
from anofpdm.method.calibration import Polarity
from anofpdm.results.folder import result_folder

if TYPE_CHECKING:
    from anofpdm.evaluation.intensity_description import IntensityDescription

_CSV, _JSON = "intensity.csv", "intensity.json"

ModalityOption = Annotated[
    str, typer.Option("--modality", metavar="NAME", help="The contrast to describe.")
]
PolarityOption = Annotated[
    Polarity,
    typer.Option(
        "--polarity",
        help="Lesions that the AUPRC of the intensity looks for: hyperintense (bright), "
        "hypointense (dark) or both.",
    ),
]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, help="Number of parallel processes.")
]


@with_source_options
@with_console
def describe_intensity(
    out: opt.OutOption,
    modality: ModalityOption = "flair",
    polarity: PolarityOption = "hyperintense",
    workers: WorkersOption = 1,
    overwrite: opt.OverwriteOption = False,
    *,
    sources: SourceOptions,
    console: Console,
) -> None:
    """Measure how bright lesions and healthy brain are, in synthetic or real scans.

    Writes intensity.csv (a line for each scan) and intensity.json. Intensities are multiples of the
    median of healthy brain.

    Example: anofpdm describe-intensity --phantoms 500000:500020 --out realism
    """
    sources.check_existence()  # before the imports, which take seconds

    import json

    from anofpdm.evaluation.csv_table import CsvTable
    from anofpdm.evaluation.intensity_description import COLUMNS
    from anofpdm.evaluation.intensity_description import describe_intensity as describe

    chosen = sources.cases((modality,), console)
    with result_folder(out, overwrite=overwrite, names=(_CSV, _JSON)) as staging:
        with console.progress() as show:
            found = describe(
                chosen.cases,
                modality,
                polarity=polarity,
                workers=workers,
                on_case=lambda done, total: show(JobProgress("Describing scans", done, total)),
            )
        with CsvTable(staging / _CSV, ("case", "patient", "kind", *COLUMNS)) as table:
            for row in found.cases:
                table.write(row)
        skipped = [*chosen.skipped, *found.skipped]
        document = {
            "scans": sources.words,
            **found.document,
            "skipped": [one.document for one in skipped],
        }
        (staging / _JSON).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for one in found.skipped:
        console.warn(one.words)
    console.finish({"out": str(out), **document}, _summary(found))
    if skipped:
        raise typer.Exit(IN_PART)


def _summary(found: IntensityDescription) -> Group:
    table = Table("", "median", "smallest", "largest", "mean", "scans", box=None, pad_edge=False)
    for column, row in found.summary.items():
        numbers = (f"{row[name]:.3g}" for name in ("median", "min", "max", "mean"))
        table.add_row(column, *numbers, f"{row['cases']:.0f}")
    return Group(table, "Intensities are multiples of the median of healthy brain.")
