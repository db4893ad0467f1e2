"""`anofpdm prepare`: make a slice dataset from scans, for training and calibration."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Group
from rich.table import Table

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_job_console
from anofpdm.cli.shared.entities import parsed_entities
from anofpdm.cli.shared.exit_codes import IN_PART
from anofpdm.cli.shared.option_groups.preparation import (
    BiasFieldOption,
    RegisterOption,
    SkullMarginOption,
    SkullOption,
)
from anofpdm.common.errors import SettingsError
from anofpdm.common.progress import Pace
from anofpdm.jobs.progress import JobProgress

if TYPE_CHECKING:
    from anofpdm.datasets.preparation.listing import Listing
    from anofpdm.datasets.preparation.summary import Prepared

_SCANS, _SLICES, _SPLITS = "Scans and labels", "Slices", "Splits"
_SHOWN = 5

SourceArgument = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="The folder with the subjects, or the CSV file for the layout table.",
        show_default=False,
    ),
]
LayoutOption = Annotated[
    Literal["brats", "atlas", "bids", "table"],
    typer.Option(
        "--layout",
        help="Layout of the source: brats (2018 to 2023), atlas (v2.0), bids (any BIDS folder), or "
        "table (a CSV with a column subject and one column for each modality).",
        rich_help_panel=_SCANS,
    ),
]
DatasetOutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR.zarr", help="Path of the new slice dataset.")
]
ModalityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        metavar="NAME",
        help="A channel of the model, such as flair. Repeat the option for several, in order.",
        show_default="flair, t1, t1ce, t2 for brats; t1 for atlas; all columns of a table",
        rich_help_panel=_SCANS,
    ),
]
ScoredOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scored",
        metavar="NAME",
        help="A modality that the anomaly map is computed from. Repeat the option for several.",
        show_default="flair and t2 for brats, otherwise all",
        rich_help_panel=_SCANS,
    ),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="CSV",
        help="Slice labels, in the columns subject, label (healthy or unhealthy) and "
        "unhealthy_slices (such as 12-30, 41-47; slice 0 is nearest the feet). They override the "
        "masks.",
        show_default="from the masks",
        rich_help_panel=_SCANS,
    ),
]
MatchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--match",
        metavar="KEY=VALUE",
        help="For bids: an entity that a scan's name must have, such as space=MNI152, or run=1, "
        "which is run-01, too; KEY= for names without that entity.",
        show_default="space=MNI152NLin2009aSym for atlas",
        rich_help_panel=_SCANS,
    ),
]
LesionOption = Annotated[
    float,
    typer.Option(
        "--lesion-mm2",
        min=0,
        metavar="MM2",
        help="Smallest lesion area, in a mask, of an unhealthy slice. Slices with a smaller lesion "
        "are labelled unknown. With 0, any lesion makes a slice unhealthy.",
        rich_help_panel=_SCANS,
    ),
]
SizeOption = Annotated[
    int,
    typer.Option(
        "--size",
        min=8,
        max=512,
        help="Rows and columns of a slice, in pixels.",
        rich_help_panel=_SLICES,
    ),
]
FieldOption = Annotated[
    Literal["fixed", "stretch"],
    typer.Option(
        "--field-of-view",
        help="fixed: a square in mm, centred on the brain; stretch: the whole slice.",
        rich_help_panel=_SLICES,
    ),
]
ExtentOption = Annotated[
    float | None,
    typer.Option(
        "--extent-mm",
        min=50,
        max=500,
        help="Side of the fixed field of view.",
        show_default="208",
        rich_help_panel=_SLICES,
    ),
]
IntensityOption = Annotated[
    Literal["volume_p99", "volume_median", "slice_minmax"],
    typer.Option(
        "--intensity",
        help="Scale each volume by the brain's 99th percentile (volume_p99) or by its median, "
        "which lesions hardly change (volume_median); or scale each slice by its own minimum and "
        "maximum, as the reference code does (slice_minmax).",
        rich_help_panel=_SLICES,
    ),
]
WithSkullOption = Annotated[
    bool,
    typer.Option(
        "--with-skull",
        help="Accept scans that are not brain-extracted, for a model of such scans.",
        rich_help_panel=_SLICES,
    ),
]
ForegroundOption = Annotated[
    float,
    typer.Option(
        "--min-foreground",
        min=0,
        max=0.99,
        help="Leave out slices whose foreground fills a smaller fraction of the field of view.",
        rich_help_panel=_SLICES,
    ),
]
SharesOption = Annotated[
    str,
    typer.Option(
        "--split",
        metavar="TRAIN,VAL,TEST",
        help="Shares of the patients in each split, adding up to 100 or to 1. All scans of a "
        "patient go to one split.",
        rich_help_panel=_SPLITS,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", min=0, help="Seed of the random split.", rich_help_panel=_SPLITS),
]
SplitsOption = Annotated[
    Path | None,
    typer.Option(
        "--splits",
        metavar="CSV",
        help="The split of each patient, in the columns patient (or subject) and split; replaces "
        "the shares. Subjects that it does not list are left out and reported.",
        rich_help_panel=_SPLITS,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Number of parallel processes.", show_default="one per CPU"
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="A running Dask scheduler in place of --workers; its workers see SOURCE and DIR.zarr "
        "under the same paths.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace an existing dataset at this path.")
]


@with_job_console
def prepare(
    context: typer.Context,
    source: SourceArgument,
    layout: LayoutOption,
    out: DatasetOutOption,
    modality: ModalityOption = None,
    scored: ScoredOption = None,
    labels: LabelsOption = None,
    match: MatchOption = None,
    lesion_mm2: LesionOption = 30.0,
    form: opt.FormOption = None,
    keep_paths: opt.KeepPathsOption = False,
    size: SizeOption = 128,
    field_of_view: FieldOption = "fixed",
    extent_mm: ExtentOption = None,
    intensity: IntensityOption = "volume_p99",
    with_skull: WithSkullOption = False,
    min_foreground: ForegroundOption = 0.02,
    skull: SkullOption = "keep",
    skull_margin_mm: SkullMarginOption = 0.0,
    register: RegisterOption = "off",
    bias_field: BiasFieldOption = "keep",
    split: SharesOption = "75,5,20",
    seed: SeedOption = 0,
    splits: SplitsOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    overwrite: OverwriteOption = False,
    dry_run: opt.DryRunOption = False,
    *,
    console: Console,
    job: opt.JobOption = None,
) -> None:
    """Make a dataset of labelled slices from your own scans; run again to continue a stopped run.

    Example: anofpdm prepare BraTS2021 --layout brats --out brats21.zarr
    """
    from anofpdm.common.user_path import user_path
    from anofpdm.common.validation import validated
    from anofpdm.datasets.preparation.config import EXTENT_MM, PrepareConfig
    from anofpdm.datasets.preparation.prepare import prepare as prepare_dataset
    from anofpdm.preprocessing.chain import ChainSettings
    from anofpdm.scans.preprocessing_config import PreprocessingConfig

    if scheduler is not None:  # its workers have another current folder
        source, out = user_path(source).absolute(), user_path(out).absolute()
    if field_of_view == "fixed" and extent_mm is None:
        extent_mm = EXTENT_MM
    config = validated(
        PrepareConfig,
        source=source,
        layout=layout,
        modalities=tuple(modality or ()),
        scored=tuple(scored or ()),
        preprocessing=validated(
            PreprocessingConfig,
            size=size,
            field_of_view=field_of_view,
            extent_mm=extent_mm,
            intensity=intensity,
            brain_extracted=not with_skull,
            min_foreground_fraction=min_foreground,
        ),
        lesion_mm2=lesion_mm2,
        labels=labels,
        shares=parsed_shares(split),
        seed=seed,
        splits=splits,
        match=parsed_entities(match or ()),
        form=form,
        keep_paths=keep_paths,
        chain=ChainSettings(skull, skull_margin_mm, register, bias_field),
    )
    if dry_run:
        from anofpdm.datasets.preparation.prepare_cost import prepare_cost

        return console.finish_dry_run(
            prepare_cost(config, out, workers=workers, scheduler=scheduler)
        )
    try:
        pace = Pace()
        with console.progress() as show:
            prepared = prepare_dataset(
                config,
                out,
                workers=workers,
                scheduler=scheduler,
                overwrite=overwrite,
                on_listed=lambda listing: _show_listing(console, listing),
                on_progress=lambda stage, done, total: show(pace(JobProgress(stage, done, total))),
            )
    except KeyboardInterrupt:
        console.note("Finished subjects are kept; run the same command again to continue.")
        raise
    _report(console, prepared, frozenset(console.warnings))
    console.finish(_payload(prepared), _summary(prepared))
    if prepared.skipped:
        raise typer.Exit(IN_PART)


def parsed_shares(text: str) -> tuple[float, float, float]:
    """Read `--split`.

    Raises
    ------
    SettingsError
        When `text` is not three non-negative numbers, the first above 0.
    """
    try:
        train, val, test = map(float, text.split(","))
    except ValueError:
        train = val = test = math.nan
    if not (train > 0 and val >= 0 and test >= 0 and math.isfinite(train + val + test)):
        raise SettingsError(
            f"--split {text} is not three shares; write TRAIN,VAL,TEST, such as 75,5,20."
        )
    return train, val, test


def _show_listing(console: Console, listing: Listing) -> None:
    """Say before the work what is not taken and what looks like a mistake."""
    none_left = len(listing.skipped) == len(listing.cases)
    # Where nothing is left, one mistake lies behind all, and the error that follows names it.
    for case in listing.skipped[: _SHOWN if none_left else None]:
        console.warn(f"Skipped {case.subject}: {case.problem}")
    for warning in (*listing.not_read, *listing.warnings):
        console.warn(warning)


def _report(console: Console, prepared: Prepared, said: frozenset[str]) -> None:
    """Name what else was skipped, and a few of the warnings, on stderr."""
    from anofpdm.datasets.preparation.prepare import REPORT

    for skipped in prepared.skipped:
        sentence = f"Skipped {skipped.subject}: {skipped.reason}"
        if sentence not in said:
            console.warn(sentence)
    if prepared.parts is not None:
        console.note(
            f"Skipped subjects: {len(prepared.skipped)}. Fix them and run the command again with "
            f"--overwrite. {prepared.parts} keeps the finished subjects for that run; delete it if "
            "you do not need it."
        )
    fresh = [warning for warning in prepared.warnings if warning not in said]
    for warning in fresh[:_SHOWN]:
        console.warn(warning)
    if len(fresh) > _SHOWN:
        console.warn(f"{len(fresh) - _SHOWN} more warnings are in {prepared.path / REPORT}.")


def _payload(prepared: Prepared) -> dict[str, Any]:
    from anofpdm.datasets.preparation.prepare import CONTACT_SHEET

    return {
        "out": str(prepared.path),
        "contact_sheet": str(prepared.path / CONTACT_SHEET),
        **prepared.report,
    }


def _summary(prepared: Prepared) -> Group:
    table = Table(
        "split", "patients", "subjects", "healthy", "unhealthy", "unknown", box=None, pad_edge=False
    )
    for split, counts in prepared.slices.items():
        table.add_row(
            split,
            str(prepared.patients[split]),
            str(prepared.subjects[split]),
            *(str(counts[name]) for name in ("healthy", "unhealthy", "unknown")),
        )
    sheet = _payload(prepared)["contact_sheet"]
    return Group(table, f"Dataset: {prepared.path}. Look at {sheet} before you train on it.")
