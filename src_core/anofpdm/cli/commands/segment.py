"""`anofpdm segment`: segment a scan into a mask, an anomaly map and a report."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.inputs import ImageFile, images_by_modality
from anofpdm.cli.shared.more_files import MoreFiles, with_more_files
from anofpdm.cli.shared.outcome import finish_results, summary_of, warn_of_calibration
from anofpdm.cli.shared.preparation import (
    PreparationOptions,
    with_preparation_options,
    write_brain_mask,
)
from anofpdm.cli.shared.reading import ReadingOptions, with_reading_options
from anofpdm.cli.shared.slice_reports import SliceReports
from anofpdm.method.calibration import chosen_grid
from anofpdm.results.folder import ANALYSIS_FOLDER, result_folder

ImageOption = Annotated[
    list[str],
    typer.Option(
        "--image",
        metavar="MODALITY=FILE[:CHANNEL]|FOLDER[#SERIES]",
        help="A scan and its modality, such as flair=scan.nii.gz, or flair=scans.nii.gz:0 for the "
        "first channel of a file that holds several, or flair=DICOM#5 for series 5 of a DICOM "
        "folder, DICOMDIR or zip (see `anofpdm dicom list`). Repeat the option for a model with "
        "several modalities. For a model with one modality, FILE is enough.",
        rich_help_panel="Input and output",
    ),
]
BrainMaskOption = Annotated[
    str | None,
    typer.Option(
        "--brain-mask",
        metavar="FILE[:CHANNEL]",
        help="A mask of the brain on the scan's voxels (values of 0.5 and above are brain).",
        show_default="all voxels above the background, or what --skull extracts",
        rich_help_panel="Input and output",
    ),
]
DicomOption = Annotated[
    bool,
    typer.Option(
        "--dicom",
        help="Also write DICOM: the mask and the map as segmentations (SEG), the measurements as a "
        "report (TID 1500). They belong to the patient and the series of the scan, which must "
        "come from DICOM.",
        rich_help_panel="Input and output",
    ),
]
RegionsOption = Annotated[
    bool,
    typer.Option(
        "--regions",
        help="Name the lobe or region near each lesion in the table and the report. Approximate: "
        "by an affine to the ICBM152 template. Needs SimpleITK and some 10 seconds.",
        rich_help_panel="Input and output",
    ),
]
KeepAnalysisOption = Annotated[
    bool,
    typer.Option(
        "--keep-analysis",
        help=f"Save {ANALYSIS_FOLDER} beside the results, so that anofpdm interpret or napari can "
        "apply other settings later without the network.",
        rich_help_panel="Input and output",
    ),
]


@with_more_files
@with_reading_options
@with_preparation_options
@with_console
def segment(
    image: ImageOption,
    out: opt.OutOption,
    bundle: opt.BundleOption = "flair-synth",
    brain_mask: BrainMaskOption = None,
    form: opt.FormOption = None,
    keep_paths: opt.KeepPathsOption = False,
    keep_analysis: KeepAnalysisOption = False,
    regions: RegionsOption = False,
    overwrite: opt.OverwriteOption = False,
    dicom: DicomOption = False,
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
) -> None:
    """Segment anomalies in a brain scan; write a mask, an anomaly map, a report and a picture.

    Example: anofpdm segment --image flair=scan.nii.gz --out results
    """
    from anofpdm.analysis.engine import analyze, segment_live
    from anofpdm.method.interpretation import interpret
    from anofpdm.model.bundle import load_bundle

    started = time.perf_counter()
    model = load_bundle(bundle)
    files = images_by_modality(image, model.metadata.modalities)
    mask_file = None if brain_mask is None else ImageFile.of(brain_mask)
    calibration = model.metadata.calibration
    settings = reading.settings(calibration)
    grid = chosen_grid(calibration, process, steps, t_max)
    settings.check_fit(model.timesteps(grid.steps, grid.t_max), len(model.metadata.scored))
    settings.check_reference(model.metadata.scored)
    files_asked.check()
    with result_folder(out, overwrite=overwrite) as staging:
        volumes = {
            modality: file.read(modality, form=form, keep_path=keep_paths)
            for modality, file in files.items()
        }
        target = files_asked.dicom_output(next(iter(volumes.values())), asked=dicom)
        mask = None if mask_file is None else mask_file.read(form=form, keep_path=keep_paths)
        warn_of_calibration(console, model.name, calibration, settings, grid)
        ready = preparation.prepare(
            volumes,
            mask,
            console,
            keep_skull=not model.metadata.preprocessing.brain_extracted,
        )
        write_brain_mask(staging, ready)
        with console.progress() as show:
            run: dict[str, Any] = {
                "brain_mask": ready.brain_mask,
                "preparation": ready.record,
                "process": grid.process,
                "steps": grid.steps,
                "t_max": grid.t_max,
                "seed": seed,
                "device": device,
                "precision": precision,
                "batch_size": batch_size,
                "on_progress": SliceReports(show),
            }
            if keep_analysis:
                analysis = analyze(ready.volumes, model, store=staging / ANALYSIS_FOLDER, **run)
                interpretation = interpret(analysis, settings)
            else:
                analysis, interpretation = segment_live(ready.volumes, model, settings, **run)
        report, _ = finish_results(
            staging,
            analysis,
            interpretation,
            started,
            console,
            more=files_asked.names(dicom=dicom),
            dicom=target,
            regions=regions,
        )
    console.finish({"out": str(out), **report}, summary_of(out, report))
