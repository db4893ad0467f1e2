"""`anofpdm interpret`: apply new settings to a stored analysis, without the network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.option_groups.more_files import MoreFiles, with_more_files
from anofpdm.cli.shared.option_groups.reading import (
    ReadingOptions,
    given_reading_options,
    with_reading_options,
)
from anofpdm.cli.shared.outcome import summary_of
from anofpdm.common.errors import SettingsError
from anofpdm.results.folder import ANALYSIS_FOLDER, INTERPRETATION_NAMES, result_folder
from anofpdm.segmentation.calibration_warnings import warn_of_calibration
from anofpdm.segmentation.outcome import finish_results

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.settings import Settings

AnalysisArgument = Annotated[
    Path,
    typer.Argument(
        metavar="ANALYSIS",
        help="A stored analysis (analysis.anofpdm.zarr), written by `anofpdm segment "
        "--keep-analysis`, or the folder of results that holds it.",
        show_default=False,
    ),
]

DicomSourceOption = Annotated[
    str | None,
    typer.Option(
        "--dicom-source",
        metavar="FOLDER[#SERIES]",
        help="The DICOM series that was segmented: the results are also written as DICOM, as by "
        "anofpdm segment --dicom.",
        show_default=False,
        rich_help_panel="Input and output",
    ),
]
SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="Read all settings from a file saved by the viewer. Cannot be combined with the "
        "options below.",
        rich_help_panel=opt.READING,
    ),
]


@with_more_files
@with_reading_options
@with_console
def interpret(
    context: typer.Context,
    analysis: AnalysisArgument,
    out: opt.OutOption,
    overwrite: opt.OverwriteOption = False,
    settings_file: SettingsOption = None,
    dicom_source: DicomSourceOption = None,
    regions: opt.RegionsOption = False,
    *,
    files_asked: MoreFiles,
    reading: ReadingOptions,
    console: Console,
) -> None:
    """Apply other settings to a stored analysis, in seconds and without the network.

    Example: anofpdm interpret results/analysis.anofpdm.zarr --threshold 0.5 --out wider
    """
    from anofpdm.analysis.analysis import Analysis

    started = time.perf_counter()
    within = analysis / ANALYSIS_FOLDER
    stored = Analysis.open(within if within.is_dir() else analysis)
    bundle = stored.metadata.bundle
    if settings_file is not None:
        _refuse_both(context)
        settings = _settings_of(settings_file, stored, console)
    else:
        settings = reading.settings(bundle.calibration)
    settings.check_fit(stored.timesteps, len(stored.scored))
    settings.check_reference(stored.scored)
    target = files_asked.dicom_output_from(dicom_source, stored)
    wanted = files_asked.beside(dicom=target is not None)
    wanted.check()

    # After the checks: it imports torch, which takes seconds.
    from anofpdm.method.interpretation import interpret as interpret_analysis

    # The output folder may hold the input analysis, which must not be replaced as a result.
    with result_folder(out, overwrite=overwrite, names=INTERPRETATION_NAMES) as staging:
        warn_of_calibration(console, bundle.name, bundle.calibration, settings, stored.grid)
        interpretation = interpret_analysis(stored, settings)
        report, _ = finish_results(
            staging,
            stored,
            interpretation,
            started,
            console,
            more=wanted.names,
            dicom=target,
            regions=regions,
        )
    console.finish({"out": str(out), **report}, summary_of(out, report))


def _refuse_both(context: typer.Context) -> None:
    """Refuse options beside a settings file, because one of the two would be ignored."""
    given = given_reading_options(context)
    if given:
        raise SettingsError(f"--settings and {given[0]} cannot be combined; use one of them.")


def _settings_of(path: Path, stored: Analysis, console: Console) -> Settings:
    from anofpdm.results.settings_files import SettingsFile

    file = SettingsFile.read(path)
    doubt = file.doubt(stored.metadata)
    if doubt is not None:
        console.warn(doubt)
    return file.settings
