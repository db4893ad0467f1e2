"""`anofpdm segment-cohort`: segment many scans, here or on a cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from anofpdm.cli.commands.cohorts.running import CohortRequest, run_request
from anofpdm.cli.commands.cohorts.sbatch import sbatch_script
from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_job_console
from anofpdm.cli.shared.more_files import MoreFiles, with_more_files
from anofpdm.cli.shared.preparation import PreparationOptions, with_preparation_options
from anofpdm.cli.shared.reading import ReadingOptions, with_reading_options
from anofpdm.cohorts.sources import Arrangement
from anofpdm.common.errors import SettingsError

_FILES, _CLUSTER = "Input and output", "Workers"

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
MatchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--match",
        metavar="ENTITY=VALUE",
        help="BIDS entity that a scan's name must have, such as run=1. Repeatable.",
        rich_help_panel=_FILES,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Processes on this machine (Dask); 1 works in this process.",
        show_default="one a GPU, else one a core as far as memory goes; 1 without Dask",
        rich_help_panel=_CLUSTER,
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="A running Dask scheduler, whose workers see SOURCE and DIR under the same paths.",
        rich_help_panel=_CLUSTER,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Segment only part I of N; merge the parts with anofpdm cohort merge.",
        show_default="by SLURM_ARRAY_TASK_ID in a SLURM array, else all scans",
        rich_help_panel=_CLUSTER,
    ),
]
SbatchOption = Annotated[
    int | None,
    typer.Option(
        "--print-sbatch",
        min=1,
        metavar="N",
        help="Print a script that runs this command as a SLURM array of N tasks, and exit.",
        rich_help_panel=_CLUSTER,
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option(
        "--retries",
        min=0,
        max=10,
        metavar="N",
        help="Further tries of a scan after a failure that may pass, such as a full disk.",
        rich_help_panel=_CLUSTER,
    ),
]
RetryKilledOption = Annotated[
    bool,
    typer.Option(
        "--retry-killed",
        help="Try scans again that were set aside because their process was killed twice.",
        rich_help_panel=_CLUSTER,
    ),
]
KeepAnalysisOption = Annotated[
    bool,
    typer.Option("--keep-analysis", help="As for anofpdm segment.", rich_help_panel=_FILES),
]


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
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    shard: ShardOption = None,
    print_sbatch: SbatchOption = None,
    retries: RetriesOption = 1,
    retry_killed: RetryKilledOption = False,
    process: opt.ProcessOption = None,
    steps: opt.StepsOption = None,
    t_max: opt.TMaxOption = None,
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    seed: opt.SeedOption = 0,
    batch_size: opt.BatchSizeOption = None,
    *,
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
        gpu = device.startswith("cuda")
        sys.stdout.write(
            sbatch_script(list(context.obj), print_sbatch, cpus, gpu=gpu, out=str(out))
        )
        return
    from anofpdm.cohorts.naming import PlainNaming
    from anofpdm.cohorts.shards import Shard
    from anofpdm.cohorts.sources import find_scans
    from anofpdm.common.user_path import user_path
    from anofpdm.model.bundle import load_bundle
    from anofpdm.segmentation.settings import SegmentationSettings

    model = load_bundle(bundle)
    known = model.metadata
    settings = SegmentationSettings.of(
        reading.settings(known.calibration),
        known.calibration,
        process,
        steps,
        t_max,
        preparation=preparation.chain(),
        form=form,
        keep_paths=keep_paths,
        seed=seed,
        device=device,
        precision=precision,
        batch_size=batch_size,
        files=files_asked.beside(dicom=False, analysis=keep_analysis, regions=regions),
    )
    settings.check(model)
    root = user_path(out).absolute()
    found = find_scans(
        user_path(source).absolute(), known.modalities, layout, entities(match), root
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


def entities(match: Sequence[str] | None) -> dict[str, str]:
    """Read the options `--match ENTITY=VALUE`.

    Raises
    ------
    SettingsError
        When one has no "=".
    """
    pairs = [each.partition("=") for each in match or ()]
    if wrong := [key for key, sign, _ in pairs if not sign]:
        raise SettingsError(f"--match {wrong[0]} has no value; write --match ENTITY=VALUE.")
    return {key: value for key, _, value in pairs}
