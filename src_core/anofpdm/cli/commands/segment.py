"""`anofpdm segment`: segment a scan into a mask, an anomaly map and a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.inputs import check_existence, images_by_modality
from anofpdm.cli.shared.option_groups.more_files import MoreFiles, with_more_files
from anofpdm.cli.shared.option_groups.preparation import (
    PreparationOptions,
    with_preparation_options,
)
from anofpdm.cli.shared.option_groups.reading import ReadingOptions, with_reading_options
from anofpdm.cli.shared.option_groups.run import RunOptions, with_run_options
from anofpdm.cli.shared.outcome import summary_of
from anofpdm.cli.shared.slice_reports import SliceReports
from anofpdm.results.folder import ANALYSIS_FOLDER, result_folder
from anofpdm.segmentation.image_file import ImageFile

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
KeepAnalysisOption = Annotated[
    bool,
    typer.Option(
        "--keep-analysis",
        help=f"Save {ANALYSIS_FOLDER} beside the results, so that anofpdm interpret or napari can "
        "apply other settings later without the network.",
        rich_help_panel="Input and output",
    ),
]


@with_run_options
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
    regions: opt.RegionsOption = False,
    overwrite: opt.OverwriteOption = False,
    dicom: DicomOption = False,
    *,
    run: RunOptions,
    files_asked: MoreFiles,
    reading: ReadingOptions,
    preparation: PreparationOptions,
    console: Console,
) -> None:
    """Segment anomalies in a brain scan; write a mask, an anomaly map, a report and a picture.

    Example: anofpdm segment --image flair=scan.nii.gz --out results
    """
    from anofpdm.model.bundle import load_bundle

    model = load_bundle(bundle)
    calibration = model.metadata.calibration
    images = images_by_modality(image, model.metadata.modalities)
    settings = run.segmentation(
        reading.settings(calibration),
        preparation.chain(),
        calibration,
        form=form,
        keep_paths=keep_paths,
        files=files_asked.beside(dicom=dicom, analysis=keep_analysis, regions=regions),
    )
    settings.check(model)
    mask = None if brain_mask is None else ImageFile.of(brain_mask)
    check_existence([*images.values(), mask])

    # After the checks: it imports torch, which takes seconds.
    from anofpdm.segmentation.segment import ScanFiles, segment_files

    scan = ScanFiles(images, mask)

    @contextmanager
    def progress() -> Iterator[SliceReports]:
        with console.progress() as show:
            yield SliceReports(show)

    with result_folder(out, overwrite=overwrite) as staging:
        found = segment_files(scan, model, settings, staging, console, progress=progress)
    console.finish({"out": str(out), **found.report}, summary_of(out, found.report))
