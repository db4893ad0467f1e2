"""`anofpdm segment-cohort`: segment many scans, here or on a cluster."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from anofpdm.cli.commands.cohorts.running import CohortRequest, run_request
from anofpdm.cli.commands.cohorts.sbatch import sbatch_script
from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_job_console
from anofpdm.cli.shared.entities import parsed_entities
from anofpdm.cli.shared.option_groups.cohort import (
    CLUSTER,
    MatchOption,
    RetriesOption,
    RetryKilledOption,
    SchedulerOption,
    WorkersOption,
)
from anofpdm.cli.shared.option_groups.more_files import MoreFiles, with_more_files
from anofpdm.cli.shared.option_groups.preparation import (
    PreparationOptions,
    with_preparation_options,
)
from anofpdm.cli.shared.option_groups.reading import ReadingOptions, with_reading_options
from anofpdm.cli.shared.option_groups.run import RunOptions, with_run_options
from anofpdm.cohorts.sources import Arrangement

_FILES = "Input and output"

SourceArgument = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="A CSV table (columns subject and one for each modality), a BIDS folder, or a folder "
        "of scans: each file in it, or each folder with NIfTI files or one DICOM examination.",
        show_default=False,
    ),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for the results; one from an earlier run is continued.",
        rich_help_panel=_FILES,
    ),
]
LayoutOption = Annotated[
    Arrangement,
    typer.Option(
        "--layout",
        help="Arrangement of SOURCE; auto takes a CSV file as a table, a folder with sub-* folders "
        "as bids, and any other folder as scans.",
        rich_help_panel=_FILES,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Segment only part I of N; merge the parts with anofpdm cohort merge.",
        show_default="by SLURM_ARRAY_TASK_ID in a SLURM array, else all scans",
        rich_help_panel=CLUSTER,
    ),
]
SbatchOption = Annotated[
    int | None,
    typer.Option(
        "--print-sbatch",
        min=1,
        metavar="N",
        help="Print a script that runs this command as a SLURM array of N tasks, and exit.",
        rich_help_panel=CLUSTER,
    ),
]
KeepAnalysisOption = Annotated[
    bool,
    typer.Option("--keep-analysis", help="As for anofpdm segment.", rich_help_panel=_FILES),
]
DicomOption = Annotated[
    bool,
    typer.Option(
        "--dicom",
        help="As for anofpdm segment, for each scan that comes from DICOM; others get a warning.",
        rich_help_panel=_FILES,
    ),
]


@with_run_options
@with_more_files
@with_reading_options
@with_preparation_options
@with_job_console
def segment_cohort(
    context: typer.Context,
    source: SourceArgument,
    out: OutOption,
    bundle: opt.BundleOption = "flair-synth",
    layout: LayoutOption = "auto",
    match: MatchOption = None,
    form: opt.FormOption = None,
    keep_paths: opt.KeepPathsOption = False,
    regions: opt.RegionsOption = False,
    keep_analysis: KeepAnalysisOption = False,
    dicom: DicomOption = False,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    shard: ShardOption = None,
    print_sbatch: SbatchOption = None,
    retries: RetriesOption = 1,
    retry_killed: RetryKilledOption = False,
    *,
    run: RunOptions,
    files_asked: MoreFiles,
    reading: ReadingOptions,
    preparation: PreparationOptions,
    console: Console,
    job: opt.JobOption = None,
) -> None:
    """Segment many scans with one model; a run that was stopped continues where it was.

    Example: anofpdm segment-cohort scans.csv --out results --workers 4
    """
    if print_sbatch is not None:
        cpus = workers or 4
        gpu = run.device.startswith("cuda")
        sys.stdout.write(
            sbatch_script(list(context.obj), print_sbatch, cpus, gpu=gpu, out=str(out))
        )
        return
    from anofpdm.cohorts.naming import PlainNaming
    from anofpdm.cohorts.shards import Shard
    from anofpdm.cohorts.sources import find_scans
    from anofpdm.common.user_path import user_path
    from anofpdm.model.bundle import load_bundle

    model = load_bundle(bundle)
    known = model.metadata
    settings = run.segmentation(
        reading.settings(known.calibration),
        preparation.chain(),
        known.calibration,
        form=form,
        keep_paths=keep_paths,
        files=files_asked.beside(dicom=dicom, mixed=dicom, analysis=keep_analysis, regions=regions),
    )
    settings.check(model)
    root = user_path(out).absolute()
    found = find_scans(
        user_path(source).absolute(), known.modalities, layout, parsed_entities(match or ()), root
    )
    request = CohortRequest(
        source=source.name,
        root=root,
        naming=PlainNaming(),
        found=found,
        model=model,
        settings=settings,
        part=Shard.parse(shard) if shard else Shard.of_environment(os.environ),
        workers=workers,
        scheduler=scheduler,
        retries=retries,
        retry_killed=retry_killed,
    )
    run_request(request, console)
