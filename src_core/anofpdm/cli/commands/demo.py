"""`anofpdm demo`: segment a synthetic subject and score the result against its known lesion."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Group
from rich.table import Table

from anofpdm.cli.commands.segment import KeepAnalysisOption
from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.option_groups.reading import ReadingOptions
from anofpdm.cli.shared.slice_reports import SliceReports
from anofpdm.results.folder import ANALYSIS_FOLDER, DEFAULT_NAMES, result_folder
from anofpdm.segmentation.calibration_warnings import warn_of_calibration
from anofpdm.segmentation.outcome import finish_results

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.results.native import NativeResult
    from anofpdm.scans.volume import Volume

SCORES_FILE = "scores.json"
_BUNDLE = "flair-synth"
_NAMES = ("flair.nii.gz", "lesion.nii.gz", "phantom.json", SCORES_FILE, *DEFAULT_NAMES)

DemoOutOption = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="Folder for the subject and its results."),
]
DemoSeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Seed of the synthetic subject; the model was not trained on 500000 and above.",
    ),
]


@with_console
def demo(
    out: DemoOutOption = Path("anofpdm-demo"),
    seed: DemoSeedOption = 500_001,
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    keep_analysis: KeepAnalysisOption = False,
    overwrite: opt.OverwriteOption = False,
    *,
    console: Console,
) -> None:
    """Generate a synthetic brain with a lesion, segment it with flair-synth and score the result.

    Example: anofpdm demo --out demo --seed 500007
    """
    from anofpdm.analysis.engine import analyze
    from anofpdm.method.interpretation import interpret
    from anofpdm.model.bundle import load_bundle
    from anofpdm.scans.volume import read_volume
    from anofpdm.synthetic import write_phantom

    started = time.perf_counter()
    model = load_bundle(_BUNDLE)
    settings = ReadingOptions().settings(model.metadata.calibration)
    names = (*_NAMES, ANALYSIS_FOLDER)
    with result_folder(out, overwrite=overwrite, names=names) as staging:
        console.note(f"Generating synthetic subject {seed} ...")
        subject = write_phantom(seed, staging, healthy=False)
        warn_of_calibration(console, model.name, model.metadata.calibration, settings)
        with console.progress() as show:
            analysis = analyze(
                {"flair": read_volume(staging / "flair.nii.gz", "flair")},
                model,
                device=device,
                precision=precision,
                store=staging / ANALYSIS_FOLDER if keep_analysis else None,
                on_progress=SliceReports(show),
            )
        interpretation = interpret(analysis, settings)
        report, native = finish_results(
            staging, analysis, interpretation, started, console, truth=subject.lesion.data
        )
        scores = _scores(analysis, interpretation, native, subject.lesion)
        (staging / SCORES_FILE).write_text(json.dumps(scores, indent=2) + "\n")
    payload = {"out": str(out), "seed": seed, "scores": scores, **report}
    files = names if keep_analysis else _NAMES
    console.finish(payload, _summary(out, seed, scores, report, files))


def _scores(
    analysis: Analysis, interpretation: Interpretation, native: NativeResult, lesion: Volume
) -> dict[str, Any]:
    """Score the saved mask on the scan's voxels, and the map (AUPRC) inside the brain."""
    from anofpdm.results.metrics import auprc, dice, image_accuracy, iou

    truth, brain = lesion.data.astype(bool), analysis.foreground_native
    scan = analysis.native["flair"]
    ids = interpretation.slice_ids
    turned = analysis.geometry.orientation.to_canonical(truth)[:, :, ids]
    has_lesion = turned.any(axis=(0, 1))
    scores: dict[str, Any] = {
        "dice": dice(native.mask, truth),
        "iou": iou(native.mask, truth),
        "volume_ml": float(native.mask.sum()) * lesion.voxel_volume_ml,
        "true_volume_ml": float(truth.sum()) * lesion.voxel_volume_ml,
    }
    if truth[brain].any():
        scores["auprc_brain"] = auprc(native.anomaly_map[brain], truth[brain])
        scores["auprc_brain_intensity_alone"] = auprc(np.asarray(scan)[brain], truth[brain])
    if interpretation.settings.judges:
        scores["image_accuracy"] = image_accuracy(~interpretation.healthy, has_lesion)
    return scores


def _summary(
    out: Path, seed: int, scores: dict[str, Any], report: dict[str, Any], files: tuple[str, ...]
) -> Group:
    table = Table("score", "value", title=f"Synthetic subject {seed}", title_justify="left")
    rows = {
        "DICE (whole volume)": f"{scores['dice']:.3f}",
        "IoU (whole volume)": f"{scores['iou']:.3f}",
        "Lesion volume": f"{scores['volume_ml']:.2f} ml",
        "True lesion volume": f"{scores['true_volume_ml']:.2f} ml",
        "Computing time": f"{report['seconds']:.1f} s",
    }
    if "auprc_brain" in scores:
        rows["AUPRC in the brain"] = f"{scores['auprc_brain']:.3f}"
        rows["  intensity alone"] = f"{scores['auprc_brain_intensity_alone']:.3f}"
    if "image_accuracy" in scores:
        rows["Slices classified correctly"] = f"{100 * scores['image_accuracy']:.0f} %"
    for name, value in rows.items():
        table.add_row(name, value)
    return Group(
        table,
        f"Picture: {out / 'report.png'} (yellow outline: true lesion)",
        f"Files:   {', '.join(files)} in {out}",
        report["intended_use"],
    )
