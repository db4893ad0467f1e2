"""`anofpdm select-guidance`: calibrate a bundle on labelled slices (appendix, Algorithm 1)."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Group
from rich.table import Table

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_job_console
from anofpdm.cli.shared.option_groups.run import RunOptions, with_run_options
from anofpdm.cli.shared.slice_reports import SliceReports
from anofpdm.common.atomic import claimed
from anofpdm.common.errors import SettingsError
from anofpdm.method.calibration import (
    PAPER_MEDIAN_KERNEL,
    PAPER_MIN_COMPONENT_PIXELS,
    Criterion,
)
from anofpdm.method.settings_words import rates_words, refinement_words

if TYPE_CHECKING:
    from anofpdm.method.calibration import Calibration


BundleOption = Annotated[
    str,
    typer.Option(
        "--bundle", metavar="NAME|PATH", help="The model to calibrate; it is not changed."
    ),
]
DatasetOption = Annotated[
    Path,
    typer.Option(
        "--dataset",
        metavar="DIR.zarr",
        help="Slice dataset with healthy and unhealthy slices; unlabelled slices are ignored.",
    ),
]
NewBundleOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="NEW_BUNDLE",
        help="Path of the calibrated bundle: a new folder, or a file ending in .zip.",
    ),
]
CandidatesOption = Annotated[
    str,
    typer.Option(
        "--candidates",
        metavar="W,W,...",
        help="Guidance strengths to try, each from 0 to 1000. All share one network pass.",
    ),
]
SplitOption = Annotated[
    Literal["train", "val", "test"],
    typer.Option("--split", help="Split of the dataset to calibrate on."),
]
FractionOption = Annotated[
    float,
    typer.Option(
        "--fraction",
        min=0,
        max=1,
        help="Select the largest w whose accuracy is at least this fraction of the best accuracy.",
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="DIR",
        help="New folder for the report: guidance.json and guidance.png with accuracy against w, "
        "cosines and ROC.",
        show_default="beside the new bundle, with -report added to its name",
    ),
]
ThresholdFractionOption = Annotated[
    float,
    typer.Option(
        "--threshold-fraction",
        min=0.01,
        max=1,
        help="With --rule absolute: take the lowest threshold whose accuracy is at least this "
        "fraction of the best accuracy. Below 1 it finds fainter lesions and gives more false "
        "alarms.",
    ),
]
CriterionOption = Annotated[
    Criterion,
    typer.Option(
        "--criterion",
        help="How to choose thresholds and w. accuracy: the share of slices classified correctly, "
        "as in the paper. balanced: the mean of that share among healthy and among unhealthy "
        "slices, which finds more lesions when most slices are healthy.",
    ),
]
RuleOption = Annotated[
    Literal["dynamic", "absolute"],
    typer.Option(
        "--rule",
        help="How masks are made. dynamic: the paper's dynamic quantile, after the cosine gate. "
        "absolute: a fixed threshold on the map, found from the slice labels; a slice is unhealthy "
        "if the threshold marks anything in it.",
    ),
]
ExtentOption = Annotated[
    float,
    typer.Option(
        "--extent",
        min=0.01,
        max=1,
        help="With --rule absolute: each marked spot extends down to this fraction of the "
        "threshold (1: no extension).",
    ),
]
RefineOption = Annotated[
    bool,
    typer.Option(
        "--refine",
        help="Also calibrate the refinement on the scan, in a second pass: its border by DICE "
        "where the split has masks (kept only if it wins), otherwise its core by the slice labels.",
    ),
]
QuantileRangeOption = Annotated[
    str | None,
    typer.Option(
        "--quantile-range",
        metavar="LOW,HIGH",
        help="Range of the dynamic quantile in --region: HIGH for the weakest anomalies, LOW for "
        "the strongest.",
        show_default="0.90,0.98 for image, 0.70,0.97 for brain",
    ),
]


@with_run_options
@with_job_console
def select_guidance(
    context: typer.Context,
    bundle: BundleOption,
    dataset: DatasetOption,
    out: NewBundleOption,
    report: ReportOption = None,
    candidates: CandidatesOption = "0.5,1,2,3,4,6,8,12,16,24,32",
    split: SplitOption = "val",
    fraction: FractionOption = 0.98,
    threshold_fraction: ThresholdFractionOption = 1.0,
    criterion: CriterionOption = "accuracy",
    rule: RuleOption = "dynamic",
    extent: ExtentOption = 1.0,
    refine: RefineOption = False,
    polarity: opt.NewPolarityOption = "both",
    region: opt.NewRegionOption = "image",
    quantile_range: QuantileRangeOption = None,
    median: opt.NewMedianOption = PAPER_MEDIAN_KERNEL,
    min_component_pixels: opt.NewMinComponentPixelsOption = PAPER_MIN_COMPONENT_PIXELS,
    *,
    run: RunOptions,
    keep_paths: opt.KeepPathsOption = False,
    dry_run: opt.DryRunOption = False,
    console: Console,
    job: opt.JobOption = None,
) -> None:
    """Select a model's guidance and thresholds on labelled slices; write a calibrated bundle.

    Example: anofpdm select-guidance --bundle my-model --dataset slices.zarr --out my-model-cal
    """
    from anofpdm.analysis.progress import SliceProgress
    from anofpdm.common.device import resolve_device
    from anofpdm.common.progress import Pace
    from anofpdm.datasets.store.slices import SliceDataset
    from anofpdm.guidance.report import guidance_document, write_guidance_report
    from anofpdm.guidance.rules import QUANTILE_RANGES
    from anofpdm.guidance.selection import select_guidance as select
    from anofpdm.guidance.selection_cost import guidance_cost
    from anofpdm.model.bundle import load_bundle
    from anofpdm.model.memory import default_batch_size

    guidances = parsed_candidates(candidates)
    ranges = dict(QUANTILE_RANGES)
    if quantile_range is not None:
        ranges[region] = parsed_range(quantile_range)
    with ExitStack() as claims:
        claims.enter_context(claimed(out))
        folder = report or out.with_name(f"{out.name.removesuffix('.zip')}-report")
        if out.absolute() in (folder.absolute(), *folder.absolute().parents):
            raise SettingsError(
                f"--report {folder} is inside the new bundle {out}; choose a folder outside it."
            )
        claims.enter_context(claimed(folder))
        model = load_bundle(bundle)
        slices = SliceDataset.open(dataset)
        grid = run.grid(model.metadata.calibration)
        levels = len(model.timesteps(grid.steps, grid.t_max))
        where = resolve_device(run.device)
        # Steps are not kept, so memory does not depend on their number.
        batch = run.batch_size or default_batch_size(model.metadata.network, 1, where, len(slices))
        search = partial(
            select,
            model,
            slices,
            candidates=guidances,
            split=split,
            process=grid.process,
            steps=grid.steps,
            t_max=grid.t_max,
            seed=run.seed,
            device=where,
            precision=run.precision,
            batch_size=batch,
            fraction=fraction,
            threshold_fraction=threshold_fraction,
            criterion=criterion,
            region=region,
            quantile_range=ranges,
            median_kernel=median,
            min_component_pixels=min_component_pixels,
            rule=rule,
            map_extent=extent,
            polarity=polarity,
            refine=refine,
        )
        if dry_run:
            cost = guidance_cost(search, model, out, guidances, device=where)
            return console.finish_dry_run(cost)
        with console.progress() as show:
            pace, reports = Pace(), SliceReports(show)

            def advance(done: int, total: int) -> None:
                passed = total // levels
                progress = SliceProgress("Guidance selection", done, total, slices_total=passed)
                reports(pace(progress))

            found = search(progress=advance, on_accuracy=reports.add)
        if found.doubt is not None:
            console.warn(found.doubt)
        calibrated = model.with_calibration(found.calibration).save(out)
        calibration = found.calibration
        document = guidance_document(
            found,
            model,
            calibrated,
            slices,
            fraction=fraction,
            seed=run.seed,
            keep_paths=keep_paths,
        )
        write_guidance_report(folder, document)
    console.finish(
        {
            "out": str(out),
            "report": str(folder),
            "hash": calibrated.hash,
            "calibration": calibration.model_dump(mode="json"),
            "warnings": document["warnings"],
        },
        _summary(out, folder, calibration),
    )


def parsed_candidates(text: str) -> list[float]:
    """Read `--candidates`.

    Raises
    ------
    SettingsError
        When an entry is not a number from 0 to 1000.
    """
    values = []
    for entry in text.split(","):
        try:
            value = float(entry)
        except ValueError:
            value = float("nan")
        if not 0 <= value <= 1000:
            raise SettingsError(
                f"--candidates {text} contains {entry.strip() or 'an empty entry'!r}; give numbers "
                "from 0 to 1000, separated by commas, such as 1,2,4."
            )
        values.append(value)
    return values


def parsed_range(text: str) -> tuple[float, float]:
    """Read `--quantile-range`.

    Raises
    ------
    SettingsError
        When `text` is not two numbers between 0 and 1, the smaller first.
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = float("nan")
    if not 0 < low <= high < 1:
        raise SettingsError(
            f"--quantile-range {text} is not two numbers between 0 and 1, the smaller first; "
            "write LOW,HIGH, such as 0.90,0.98."
        )
    return low, high


def _summary(out: Path, folder: Path, calibration: Calibration) -> Group:
    by_map = calibration.rule == "absolute"
    columns = ("map threshold", "accuracy by map") if by_map else ()
    table = Table(
        "w", *columns, "accuracy by cosine", "cosine threshold", "M_max", box=None, pad_edge=False
    )
    for candidate in calibration.candidates:
        mark = " *" if candidate.guidance == calibration.guidance else ""
        found = (candidate.map_threshold, candidate.map_accuracy) if by_map else ()
        table.add_row(
            f"{candidate.guidance:g}{mark}",
            *(f"{value:.4g}" for value in found),
            f"{candidate.accuracy:.4f}",
            f"{candidate.cosine_threshold:.5f}",
            ", ".join(f"{m:.4g}" for m in candidate.max_divergence),
        )
    words = (
        ["Accuracies are balanced: the mean of those among healthy and among unhealthy slices."]
        if calibration.criterion == "balanced"
        else []
    )
    rates = rates_words(calibration)
    if rates is not None:
        words.append(f"With w = {calibration.guidance:g}: {rates}")
    if calibration.refinement_source:
        redrawn = refinement_words(calibration.refinement)
        words.append(f"Masks are {redrawn}: {calibration.refinement_source}.")
    return Group(
        table,
        *words,
        f"Selected w = {calibration.guidance:g} (*). Bundle: {out}. Report: {folder}",
    )
