"""`anofpdm evaluate`: score a model on scans with known lesions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Group
from rich.table import Table

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.evaluation import (
    DrawsOption,
    LesionOption,
    SchedulerOption,
    WorkersOption,
    evaluation_document,
)
from anofpdm.cli.shared.exit_codes import IN_PART
from anofpdm.cli.shared.option_groups.reading import ReadingOptions, with_reading_options
from anofpdm.cli.shared.option_groups.run import RunOptions, with_run_options
from anofpdm.cli.shared.option_groups.sources import (
    EvaluationSourceOptions,
    with_evaluation_sources,
)
from anofpdm.common.quantities import counted
from anofpdm.jobs.progress import JobProgress
from anofpdm.results.folder import result_folder
from anofpdm.segmentation.calibration_warnings import warn_of_calibration

_JSON, _HTML = "evaluation.json", "report.html"


@with_run_options
@with_evaluation_sources
@with_reading_options
@with_console
def evaluate(
    out: opt.OutOption,
    bundle: opt.BundleOption = "flair-synth",
    lesion_mm2: LesionOption = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    draws: DrawsOption = 1000,
    overwrite: opt.OverwriteOption = False,
    *,
    run: RunOptions,
    sources: EvaluationSourceOptions,
    reading: ReadingOptions,
    console: Console,
) -> None:
    """Score a model on scans with known lesions, beside baselines that need no network.

    Example: anofpdm evaluate --phantoms 500000:500010 --out scores
    """
    from anofpdm.model.bundle import load_bundle

    sources.check_existence()  # before the imports, which take seconds
    model = load_bundle(bundle)

    from anofpdm.common.device import resolve_device
    from anofpdm.evaluation.evaluate import MAPS_CSV, SCANS_CSV, SLICES_CSV
    from anofpdm.evaluation.evaluate import evaluate as evaluate_model
    from anofpdm.evaluation.methods.registry import model_methods
    from anofpdm.evaluation.methods.run import MethodsRun, training_lesion_mm2
    from anofpdm.evaluation.report.html import html_report

    if scheduler is None:
        resolve_device(run.device)  # refuse it before scans are read
    else:  # its workers have another current folder
        sources = sources.absolute()
    calibration = model.metadata.calibration
    settings = reading.settings(calibration)
    grid = run.grid(calibration)
    settings.check_fit(model.timesteps(grid.steps, grid.t_max), len(model.metadata.scored))
    area = training_lesion_mm2(model) if lesion_mm2 is None else lesion_mm2
    cases, unfit = sources.all_cases(model.metadata.modalities, console)
    warn_of_calibration(console, model.name, calibration, settings, grid)
    methods_run = MethodsRun(
        bundle=bundle if model.path is None else str(model.path.absolute()),
        methods=model_methods(settings, grid),
        seed=run.seed,
        device=run.device,
        precision=run.precision,
        batch_size=run.batch_size,
        lesion_mm2=area,
    )
    names = (_JSON, _HTML, SCANS_CSV, SLICES_CSV, MAPS_CSV)
    with result_folder(out, overwrite=overwrite, names=names) as staging:
        with console.progress() as show:
            found = evaluate_model(
                methods_run,
                cases,
                staging,
                workers=workers,
                scheduler=scheduler,
                draws=draws,
                seed=run.seed,
                on_case=lambda done, total: show(JobProgress("Evaluating scans", done, total)),
            )
        skipped = [*unfit, *found.skipped]
        document = evaluation_document(
            sources.words, model, grid, settings, area, run.seed, draws, found.tables, skipped
        )
        text = json.dumps(document, indent=2, allow_nan=False)
        (staging / _JSON).write_text(text + "\n", encoding="utf-8")
        report = html_report(document, found.figures)
        (staging / _HTML).write_text(report, encoding="utf-8")
    for one in found.skipped:
        console.warn(one.words)
    console.finish({"out": str(out), **document}, _summary(document))
    if skipped:
        raise typer.Exit(IN_PART)


def _summary(document: Mapping[str, Any]) -> Group:
    counts = document["counts"]
    masks = Table(
        "mask", "DICE sick", "DICE all", "DICE 3-D", "HD95 mm", "lesion F1", "verdicts", "alarms",
        box=None, pad_edge=False,
    )  # fmt: skip
    for name, one in document["methods"].items():
        masks.add_row(
            name,
            _words(one["slices"]["unhealthy"]["dice"]),
            _words(one["slices"]["mixed"]["dice"]),
            _words(one["volumes"]["unhealthy"]["dice"]),
            _words(one["volumes"]["unhealthy"]["hd95_mm"], 1),
            _words(one["lesions"]["f1"]),
            _words(one["images"]["accuracy"]),
            _words(one["images"]["false_alarm_rate"]),
        )
    maps = Table(
        "map", "AUPRC", "AUPRC sick", "mean of scans", "best DICE sick", "best DICE 3-D",
        box=None, pad_edge=False,
    )  # fmt: skip
    for name, one in document["maps"].items():
        maps.add_row(
            name,
            _words(one["auprc_brain"]["mixed"]),
            _words(one["auprc_brain"]["unhealthy"]),
            _words(one["auprc_brain"]["scan_mean"]),
            _words(one["best_threshold"]["slices"]["dice_unhealthy"]),
            _words(one["best_threshold"]["volumes"]["dice_unhealthy"]),
        )
    slices = counts["slices"]
    return Group(
        f"{counted(counts['scans'], 'scan')} of {counted(counts['patients'], 'patient')}; "
        f"{slices['healthy']} healthy "
        f"and {slices['unhealthy']} unhealthy (sick) slices, {slices['left_out']} left out.",
        masks,
        maps,
        f"Intervals are in {_JSON}.",
    )


def _words(score: Mapping[str, Any], digits: int = 3) -> str:
    return "-" if score["value"] is None else f"{score['value']:.{digits}f}"
