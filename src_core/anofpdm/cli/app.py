"""The root command and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from anofpdm.cli.commands import bundle, dicom, job
from anofpdm.cli.commands.cohorts import cohort
from anofpdm.cli.commands.cohorts.bids_app import bids
from anofpdm.cli.commands.cohorts.segment_cohort import segment_cohort
from anofpdm.cli.commands.compare import compare
from anofpdm.cli.commands.demo import demo
from anofpdm.cli.commands.describe_intensity import describe_intensity
from anofpdm.cli.commands.evaluate import evaluate
from anofpdm.cli.commands.follow_up import follow_up
from anofpdm.cli.commands.import_checkpoint import import_checkpoint
from anofpdm.cli.commands.interpret import interpret
from anofpdm.cli.commands.phantoms.phantom import phantom
from anofpdm.cli.commands.phantoms.phantom_dataset import phantom_dataset
from anofpdm.cli.commands.pictures.cine import cine
from anofpdm.cli.commands.pictures.figure import figure
from anofpdm.cli.commands.prepare import prepare
from anofpdm.cli.commands.preprocess import preprocess
from anofpdm.cli.commands.segment import segment
from anofpdm.cli.commands.select_guidance import select_guidance
from anofpdm.cli.commands.train import train
from anofpdm.cli.shared.as_job import as_job
from anofpdm.cli.shared.exit_codes import CommandLine

app = typer.Typer(
    name="anofpdm",
    cls=CommandLine,
    help="Anomaly segmentation in brain MRI with diffusion models. Research use only; not a "
    "medical device.",
    epilog="Exit codes: 0 success; 1 internal error (--debug shows the traceback); 2 invalid input "
    "or usage, explained on stderr; 3 completed with some inputs skipped; 130 cancelled.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        import anofpdm

        typer.echo(f"anofpdm {anofpdm.__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version", help="Print the version and exit.", callback=_show_version, is_eager=True
    ),
]


@app.callback()
def _root(version: VersionOption = False) -> None:
    pass


_USE, _MODELS, _JUDGE = "Use a model", "Create a model", "Judge a model"
app.command(rich_help_panel=_USE)(segment)
app.command("segment-cohort", rich_help_panel=_USE)(as_job(segment_cohort))
app.command(rich_help_panel=_USE)(bids)
app.add_typer(cohort.app, name="cohort", rich_help_panel=_USE)
app.command(rich_help_panel=_USE)(interpret)
app.command("follow-up", rich_help_panel=_USE)(follow_up)
app.command(rich_help_panel=_USE)(figure)
app.command(rich_help_panel=_USE)(cine)
app.command(rich_help_panel=_USE)(preprocess)
app.command(rich_help_panel=_USE)(demo)
app.command(rich_help_panel=_USE)(phantom)
app.add_typer(dicom.app, name="dicom", rich_help_panel=_USE)
app.add_typer(bundle.app, name="bundle", rich_help_panel=_USE)
app.command("phantom-dataset", rich_help_panel=_MODELS)(phantom_dataset)
app.command(rich_help_panel=_MODELS)(as_job(prepare))
app.command(rich_help_panel=_MODELS)(as_job(train))
app.command("select-guidance", rich_help_panel=_MODELS)(as_job(select_guidance))
app.add_typer(job.app, name="job", rich_help_panel=_MODELS)
app.command("import-checkpoint", rich_help_panel=_MODELS)(import_checkpoint)
app.command(rich_help_panel=_JUDGE)(evaluate)
app.command(rich_help_panel=_JUDGE)(compare)
app.command("describe-intensity", rich_help_panel=_JUDGE)(describe_intensity)
