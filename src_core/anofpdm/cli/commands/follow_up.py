"""`anofpdm follow-up`: segment two examinations of one patient and compare their lesions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.markup import escape

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.facts_table import facts_table
from anofpdm.cli.shared.inputs import check_existence, images_by_modality
from anofpdm.cli.shared.option_groups.preparation import (
    PreparationOptions,
    with_preparation_options,
)
from anofpdm.cli.shared.option_groups.reading import ReadingOptions, with_reading_options
from anofpdm.cli.shared.option_groups.run import RunOptions, with_run_options
from anofpdm.cli.shared.slice_reports import SliceReports
from anofpdm.results.folder import result_folder
from anofpdm.segmentation.calibration_warnings import warn_of_calibration
from anofpdm.segmentation.image_file import ImageFile

if TYPE_CHECKING:
    from anofpdm.results.follow_up.comparison import TimePoint
    from anofpdm.scans.volume import Volume

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


@with_run_options
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
    *,
    run: RunOptions,
    reading: ReadingOptions,
    preparation: PreparationOptions,
    console: Console,
) -> None:
    """Segment two examinations of one patient and compare: new, gone, grown, shrunk lesions.

    Example: anofpdm follow-up --baseline flair=a.nii.gz --follow-up flair=b.nii.gz --out changes
    """
    from anofpdm.model.bundle import load_bundle
    from anofpdm.results.follow_up.files import file_names, write_follow_up
    from anofpdm.results.follow_up.matching import Margin

    margin = Margin(margin_ml, margin_percent)
    model = load_bundle(bundle)
    modalities = model.metadata.modalities
    given: dict[TimePoint, dict[str, ImageFile]] = {
        "baseline": images_by_modality(baseline, modalities, "--baseline"),
        "follow_up": images_by_modality(follow_up, modalities, "--follow-up"),
    }
    mask_file = None if brain_mask is None else ImageFile.of(brain_mask)
    calibration = model.metadata.calibration
    settings = reading.settings(calibration)
    grid = run.grid(calibration)
    settings.check_fit(model.timesteps(grid.steps, grid.t_max), len(model.metadata.scored))
    settings.check_reference(model.metadata.scored)
    check_existence([*given["baseline"].values(), *given["follow_up"].values(), mask_file])

    # After the checks: it imports torch, which takes seconds.
    from anofpdm.results.follow_up.comparison import (
        FollowUpListener,
        NetworkRun,
        compare_examinations,
    )

    with result_folder(out, overwrite=overwrite, names=file_names(modalities)) as staging:
        scans: dict[TimePoint, dict[str, Volume]] = {
            time_point: {
                modality: file.read(modality, form=form, keep_path=keep_paths)
                for modality, file in images.items()
            }
            for time_point, images in given.items()
        }
        mask = None if mask_file is None else mask_file.read(form=form, keep_path=keep_paths)
        warn_of_calibration(console, model.name, calibration, settings, grid)
        with console.progress() as show:
            found = compare_examinations(
                scans,
                model,
                settings,
                NetworkRun(grid, run.seed, run.device, run.precision, run.batch_size),
                preparation=preparation.chain(),
                brain_mask=mask,
                margin=margin,
                listener=FollowUpListener(
                    note=console.note, warn=_warner(console), progress=SliceReports(show)
                ),
                earlier_warnings=console.warnings,
            )
        write_follow_up(staging, found)
    console.finish({"out": str(out), **found.report}, _summary(out, found.report))


def _warner(console: Console) -> Callable[[str], None]:
    """Return a printer of warnings; those of the library's log have been printed already."""

    def warn(text: str) -> None:
        if text not in console.warnings:
            console.warn(text)

    return warn


def _fit(registration: Mapping[str, Any]) -> str:
    if not registration["scans"]:
        return "off"
    if not registration["passed"]:
        return "FAILED"
    return "doubtful: are both of the same patient?" if registration["doubtful"] else "passed"


def _summary(out: Path, report: Mapping[str, Any]) -> Group:
    changes = report["changes"]
    table = facts_table()
    table.add_row("Volume at baseline", f"{changes['baseline_ml']:.2f} ml")
    table.add_row("Volume at follow-up", f"{changes['follow_up_ml']:.2f} ml")
    for state, count in changes["counts"].items():
        table.add_row(f"Lesions {state}", str(count))
    registration = report["registration"]
    table.add_row("Registration", _fit(registration))
    table.add_row("Time", f"{report['seconds']:.1f} s")
    table.add_row("Results", str(out))
    note = report["registration"]["note"]
    return Group(table, *[escape(note)] * bool(note), report["intended_use"])
