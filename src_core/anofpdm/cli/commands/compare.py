"""`anofpdm compare`: variants of the method, and rivals, side by side on the same scans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

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
from anofpdm.cli.shared.option_groups.run import RunOptions, with_run_options
from anofpdm.cli.shared.option_groups.sources import (
    EvaluationSourceOptions,
    with_evaluation_sources,
)
from anofpdm.jobs.progress import JobProgress
from anofpdm.method.settings import Settings
from anofpdm.results.folder import result_folder

_JSON, _HTML = "comparison.json", "report.html"

FamiliesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--family",
        metavar="NAME",
        help="A family of methods: process, step-maps, threshold, end-step, strides, guidance, "
        "polarity or rivals. Repeat the option for several. Strides and rivals need many more "
        "passes of the network than the others.",
        show_default="all but strides and rivals",
    ),
]


@with_run_options
@with_evaluation_sources
@with_console
def compare(
    out: opt.OutOption,
    bundle: opt.BundleOption = "flair-synth",
    family: FamiliesOption = None,
    lesion_mm2: LesionOption = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    draws: DrawsOption = 1000,
    overwrite: opt.OverwriteOption = False,
    *,
    run: RunOptions,
    sources: EvaluationSourceOptions,
    console: Console,
) -> None:
    """Compare variants of the method, and rivals, on scans with known lesions.

    Methods that share a trajectory share one pass of the network.

    Example: anofpdm compare --phantoms 500000:500010 --family step-maps --out comparison
    """
    from anofpdm.model.bundle import load_bundle

    sources.check_existence()  # before the imports, which take seconds
    model = load_bundle(bundle)

    from anofpdm.common.device import resolve_device
    from anofpdm.evaluation.evaluate import MAPS_CSV, SCANS_CSV, SLICES_CSV, evaluate
    from anofpdm.evaluation.methods.registry import FAMILIES, registered
    from anofpdm.evaluation.methods.run import MethodsRun, training_lesion_mm2
    from anofpdm.evaluation.report.comparison import comparison_figures
    from anofpdm.evaluation.report.html import html_report

    if scheduler is None:
        resolve_device(run.device)  # refuse it before scans are read
    else:  # its workers have another current folder
        sources = sources.absolute()
    calibration = model.metadata.calibration
    settings = Settings() if calibration is None else Settings.from_calibration(calibration)
    grid = run.grid(calibration)
    settings.check_fit(model.timesteps(grid.steps, grid.t_max), len(model.metadata.scored))
    chosen = family or [name for name in FAMILIES if name not in ("strides", "rivals")]
    methods, rivals = registered(settings, grid, calibration, chosen)
    area = training_lesion_mm2(model) if lesion_mm2 is None else lesion_mm2
    cases, unfit = sources.all_cases(model.metadata.modalities, console)
    methods_run = MethodsRun(
        bundle=bundle if model.path is None else str(model.path.absolute()),
        methods=methods,
        rivals=rivals,
        seed=run.seed,
        device=run.device,
        precision=run.precision,
        batch_size=run.batch_size,
        lesion_mm2=area,
    )
    names = (_JSON, _HTML, SCANS_CSV, SLICES_CSV, MAPS_CSV)
    with result_folder(out, overwrite=overwrite, names=names) as staging:
        with console.progress() as show:
            found = evaluate(
                methods_run,
                cases,
                staging,
                workers=workers,
                scheduler=scheduler,
                draws=draws,
                seed=run.seed,
                on_case=lambda done, total: show(JobProgress("Comparing on scans", done, total)),
            )
        skipped = [*unfit, *found.skipped]
        document = evaluation_document(
            sources.words, model, grid, settings, area, run.seed, draws, found.tables, skipped
        )
        families = {one.name: one.family for one in methods}
        document["families"] = families | {one.name: one.family for one in rivals}
        text = json.dumps(document, indent=2, allow_nan=False)
        (staging / _JSON).write_text(text + "\n", encoding="utf-8")
        pictures = (*comparison_figures(document), *found.figures)
        (staging / _HTML).write_text(html_report(document, pictures), encoding="utf-8")
    for one in found.skipped:
        console.warn(one.words)
    console.finish({"out": str(out), **document}, _summary(document))
    if skipped:
        raise typer.Exit(IN_PART)


def _summary(document: Mapping[str, Any]) -> Group:
    table = Table(
        "family", "method", "DICE sick", "IoU sick", "AUPRC sick", "verdicts",
        box=None, pad_edge=False,
    )  # fmt: skip
    families, maps = document["families"], document["maps"]
    for name, one in document["methods"].items():
        sick = one["slices"]["unhealthy"]
        own = maps.get(name)
        table.add_row(
            families.get(name, "baseline"),
            name,
            _words(sick["dice"]),
            _words(sick["iou"]),
            "" if own is None else _words(own["auprc_brain"]["unhealthy"]),
            _words(one["images"]["accuracy"]),
        )
    return Group(table, f"Intervals are in {_JSON}; sick: slices with a lesion.")


def _words(score: Mapping[str, Any]) -> str:
    return "-" if score["value"] is None else f"{score['value']:.3f}"
