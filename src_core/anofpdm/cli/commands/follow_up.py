"""`anofpdm follow-up`: segment two examinations of one patient and compare their lesions."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.inputs import ImageFile, images_by_modality
from anofpdm.cli.shared.outcome import warn_of_calibration
from anofpdm.cli.shared.preparation import PreparationOptions, with_preparation_options
from anofpdm.cli.shared.reading import ReadingOptions, with_reading_options
from anofpdm.cli.shared.slice_reports import SliceReports
from anofpdm.method.calibration import chosen_grid
from anofpdm.results.folder import REPORT_FILE, result_folder

if TYPE_CHECKING:
    from anofpdm.preprocessing.chain import PreparedScans
    from anofpdm.preprocessing.follow_up import AlignedFollowUp

_FILES = "Input and output"

BaselineOption = Annotated[
    list[str],
    typer.Option(
        "--baseline",
        metavar="MODALITY=FILE[:CHANNEL]|FOLDER[#SERIES]",
        help="A scan of the first examination and its modality, as for segment --image. Its voxels "
        "are kept. Repeat the option for a model with several modalities.",
        rich_help_panel=_FILES,
    ),
]
FollowUpOption = Annotated[
    list[str],
    typer.Option(
        "--follow-up",
        metavar="MODALITY=FILE[:CHANNEL]|FOLDER[#SERIES]",
        help="A scan of the later examination and its modality. It is registered rigidly onto the "
        "first scan of the baseline, unless --register is off.",
        rich_help_panel=_FILES,
    ),
]
BrainMaskOption = Annotated[
    str | None,
    typer.Option(
        "--brain-mask",
        metavar="FILE[:CHANNEL]",
        help="A mask of the brain on the voxels of the baseline, used for both examinations.",
        show_default="all voxels above the background, or what --skull extracts",
        rich_help_panel=_FILES,
    ),
]
MarginMlOption = Annotated[
    float,
    typer.Option(
        "--margin-ml",
        min=0.0,
        metavar="ML",
        help="A lesion has grown or shrunk only if its volume changed by more than this.",
        rich_help_panel="Comparison",
    ),
]
MarginPercentOption = Annotated[
    float,
    typer.Option(
        "--margin-percent",
        min=0.0,
        metavar="PERCENT",
        help="And by more than this part of its volume at baseline.",
        rich_help_panel="Comparison",
    ),
]


@with_reading_options
@with_preparation_options
@with_console
def follow_up(
    baseline: BaselineOption,
    follow_up: FollowUpOption,
    out: opt.OutOption,
    bundle: opt.BundleOption = "flair-synth",
    brain_mask: BrainMaskOption = None,
    margin_ml: MarginMlOption = 0.1,
    margin_percent: MarginPercentOption = 20.0,
    form: opt.FormOption = None,
    keep_paths: opt.KeepPathsOption = False,
    overwrite: opt.OverwriteOption = False,
    process: opt.ProcessOption = None,
    steps: opt.StepsOption = None,
    t_max: opt.TMaxOption = None,
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    seed: opt.SeedOption = 0,
    batch_size: opt.BatchSizeOption = None,
    *,
    reading: ReadingOptions,
    preparation: PreparationOptions,
    console: Console,
) -> None:
    """Segment two examinations of one patient and compare: new, gone, grown, shrunk lesions.

    Example: anofpdm follow-up --baseline flair=a.nii.gz --follow-up flair=b.nii.gz --out changes
    """
    from anofpdm.analysis.engine import segment_live
    from anofpdm.model.bundle import load_bundle
    from anofpdm.preprocessing.follow_up import align_follow_up
    from anofpdm.results.follow_up import files
    from anofpdm.results.follow_up.matching import Margin, compare_lesions
    from anofpdm.results.follow_up.picture import save_change_picture
    from anofpdm.results.native import to_native
    from anofpdm.results.report import FORMAT_VERSION, INTENDED_USE, build_report
    from anofpdm.scans.volume import write_nifti

    started = time.perf_counter()
    margin = Margin(margin_ml, margin_percent)
    model = load_bundle(bundle)
    modalities = model.metadata.modalities
    given = {
        "baseline": images_by_modality(baseline, modalities, "--baseline"),
        "follow_up": images_by_modality(follow_up, modalities, "--follow-up"),
    }
    mask_file = None if brain_mask is None else ImageFile.of(brain_mask)
    calibration = model.metadata.calibration
    settings = reading.settings(calibration)
    grid = chosen_grid(calibration, process, steps, t_max)
    settings.check_fit(model.timesteps(grid.steps, grid.t_max), len(model.metadata.scored))
    settings.check_reference(model.metadata.scored)
    registered = {name: files.registered_file(name) for name in modalities}
    names = (
        files.BASELINE_MASK_FILE,
        files.FOLLOW_UP_MASK_FILE,
        files.BASELINE_BRAIN_FILE,
        files.FOLLOW_UP_BRAIN_FILE,
        files.CHANGE_TABLE_FILE,
        files.CHANGE_PICTURE_FILE,
        REPORT_FILE,
        *registered.values(),
    )
    with result_folder(out, overwrite=overwrite, names=names) as staging:
        scans = {
            time_point: {
                modality: file.read(modality, form=form, keep_path=keep_paths)
                for modality, file in images.items()
            }
            for time_point, images in given.items()
        }
        mask = None if mask_file is None else mask_file.read(form=form, keep_path=keep_paths)
        warn_of_calibration(console, model.name, calibration, settings, grid)
        keep_skull = not model.metadata.preprocessing.brain_extracted
        # Whole heads fit better than what two extractions left of them.
        aligned = align_follow_up(
            next(iter(scans["baseline"].values())),
            scans["follow_up"],
            register=preparation.register,
            note=console.note,
            warn=console.warn,
        )
        on_one_grid = replace(preparation, register="off")
        ready = {
            "baseline": preparation.prepare(
                scans["baseline"], mask, console, keep_skull=keep_skull
            ),
            "follow_up": on_one_grid.prepare(aligned.volumes, mask, console, keep_skull=keep_skull),
        }
        _warn_of_differences(console, ready, aligned)
        analyses, interpretations, natives = {}, {}, {}
        for time_point, prepared in ready.items():
            with console.progress() as show:
                analyses[time_point], interpretations[time_point] = segment_live(
                    prepared.volumes,
                    model,
                    settings,
                    brain_mask=prepared.brain_mask,
                    preparation=prepared.record,
                    process=grid.process,
                    steps=grid.steps,
                    t_max=grid.t_max,
                    seed=seed,
                    device=device,
                    precision=precision,
                    batch_size=batch_size,
                    on_progress=SliceReports(show),
                )
            natives[time_point] = to_native(analyses[time_point], interpretations[time_point])
            for warning in analyses[time_point].metadata.warnings:
                if warning not in console.warnings:
                    console.warn(warning)
        first = next(iter(ready["baseline"].volumes.values()))
        changes = compare_lesions(
            natives["baseline"].lesions,
            natives["follow_up"].lesions,
            first.affine,
            margin=margin,
            covered=aligned.covered,
        )
        outside = len(changes.baseline_outside) + len(changes.follow_up_outside)
        if outside:
            console.warn(
                f"{outside} lesion{'s lie' if outside > 1 else ' lies'} outside the part of the "
                "head that both examinations show, and could not be compared."
            )
        section = files.changes_of(changes)
        report: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "intended_use": INTENDED_USE,
            "seconds": round(time.perf_counter() - started, 3),
            "warnings": list(console.warnings),
            "registration": {"passed": aligned.passed, "scans": aligned.record},
            "changes": section,
            **{
                time_point: build_report(
                    analyses[time_point],
                    interpretations[time_point],
                    natives[time_point],
                    seconds=analyses[time_point].metadata.seconds,
                    warnings=analyses[time_point].metadata.warnings,
                )
                for time_point in ready
            },
        }
        masks = (natives["baseline"].mask, natives["follow_up"].mask)
        write_nifti(staging / files.BASELINE_MASK_FILE, masks[0], first, "uint8")
        write_nifti(staging / files.FOLLOW_UP_MASK_FILE, masks[1], first, "uint8")
        for modality, name in registered.items():
            write_nifti(staging / name, ready["follow_up"].volumes[modality].data, first, "float32")
        _write_brain(staging / files.BASELINE_BRAIN_FILE, ready["baseline"])
        _write_brain(staging / files.FOLLOW_UP_BRAIN_FILE, ready["follow_up"])
        files.write_change_csv(staging / files.CHANGE_TABLE_FILE, section)
        text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
        (staging / REPORT_FILE).write_text(text + "\n", encoding="utf-8")
        drawn = model.metadata.scored[0]
        shown = tuple(each.brains()[drawn] for each in ready.values())
        save_change_picture(
            staging / files.CHANGE_PICTURE_FILE,
            (shown[0].data, shown[1].data),
            masks,
            changes,
            first.affine,
            (shown[0].name, shown[1].name),
            console.warnings,
        )
    console.finish({"out": str(out), **report}, _summary(out, report))


def _warn_of_differences(
    console: Console, ready: Mapping[str, PreparedScans], aligned: AlignedFollowUp
) -> None:
    """Say where the two examinations were not prepared in the same way."""
    if ready["baseline"].extracted != ready["follow_up"].extracted:
        which = "baseline" if ready["baseline"].extracted else "follow-up"
        console.warn(
            f"The brain of the {which} alone was extracted; changes at the surface of the brain "
            "may come from that. Give both examinations with the skull, or both without."
        )
    import numpy as np

    from anofpdm.scans.foreground import CleanVoxels, foreground_of

    first = next(iter(ready["baseline"].brains().values()))
    inside = foreground_of(CleanVoxels(first.data))
    missing = 1.0 - float(np.mean(aligned.covered[inside])) if inside.any() else 0.0
    if missing > _NAMED_SHARE:
        console.warn(
            f"The follow-up does not show {missing:.0%} of the baseline; lesions are compared only "
            "where both examinations reach."
        )


_NAMED_SHARE = 0.01


def _write_brain(path: Path, prepared: PreparedScans) -> None:
    if prepared.extracted and prepared.brain_mask is not None:
        from anofpdm.scans.volume import write_nifti

        write_nifti(path, prepared.brain_mask.data, prepared.brain_mask, "uint8")


def _summary(out: Path, report: Mapping[str, Any]) -> Group:
    changes = report["changes"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Volume at baseline", f"{changes['baseline_ml']:.2f} ml")
    table.add_row("Volume at follow-up", f"{changes['follow_up_ml']:.2f} ml")
    for state, count in changes["counts"].items():
        table.add_row(f"Lesions {state}", str(count))
    registration = report["registration"]
    fit = "off" if not registration["scans"] else "passed" if registration["passed"] else "FAILED"
    table.add_row("Registration", fit)
    table.add_row("Time", f"{report['seconds']:.1f} s")
    table.add_row("Results", str(out))
    return Group(table, report["intended_use"])
