"""The files of the Export panel: the core's result files, and a manually edited mask."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anofpdm.results.folder import (
    ANALYSIS_FOLDER,
    DICOM_NAMES,
    INTERPRETATION_NAMES,
    LESION_TABLE_FILE,
    result_folder,
)

if TYPE_CHECKING:
    from anofpdm import Analysis, Interpretation, Volume
    from anofpdm.preprocessing.atlas import TemplateFit
    from anofpdm.results.dicom.files import DicomOutput
    from anofpdm.results.native import NativeResult
    from anofpdm.results.review.verdicts import ReviewedLesions

EDITED_MASK_FILE = "edited_mask.nii.gz"
EDITED_TABLE_FILE = "edited_lesions.csv"
EXPORT_NAMES = (*INTERPRETATION_NAMES, EDITED_MASK_FILE, EDITED_TABLE_FILE, ANALYSIS_FOLDER)


@dataclass(frozen=True, eq=False)
class Export:
    """A result as it was when the user asked to export it.

    Attributes
    ----------
    analysis, interpretation, native
        The result; `native` without the lesions that the user rejected.
    reviewed : ReviewedLesions
        All lesions that were found, with the user's review.
    remarks : tuple of str
        Sentences for the report about manual changes.
    edited : Volume or None
        A manually edited mask, on the scan's grid; in DICOM it takes the place of the model's.
    edited_review : ReviewedLesions or None
        The review of the edited mask, of which another may have been chosen to be written.
    dicom : DicomOutput or None
        The series that the scan came from.
    regions : TemplateFit or None
        Names the region near each lesion.
    measurements : tuple of dict
        What the report lists of the reader's rulers and regions.
    """

    analysis: Analysis
    interpretation: Interpretation
    native: NativeResult
    reviewed: ReviewedLesions
    remarks: tuple[str, ...] = ()
    edited: Volume | None = None
    edited_review: ReviewedLesions | None = None
    dicom: DicomOutput | None = None
    regions: TemplateFit | None = None
    measurements: tuple[dict[str, Any], ...] = ()


def with_companions(names: tuple[str, ...]) -> tuple[str, ...]:
    """Add the lesion table of the edited mask if both a table and that mask are chosen."""
    if LESION_TABLE_FILE in names and EDITED_MASK_FILE in names:
        return (*names, EDITED_TABLE_FILE)
    return names


def write_export(
    export: Export, folder: Path, names: tuple[str, ...], *, overwrite: bool = False
) -> Path:
    """Write the chosen files, all or none.

    Parameters
    ----------
    export : Export
    folder : Path
        Created if it does not exist; other files in it are kept.
    names : tuple of str
        The ones of `EXPORT_NAMES` to write.
    overwrite : bool
        Whether files of these names may be replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If the folder is not writable, or holds one of the files and `overwrite` is false.
    """
    from anofpdm.results.dicom.files import write_dicom_results
    from anofpdm.results.files import write_results
    from anofpdm.results.regions import add_regions
    from anofpdm.results.report import build_report
    from anofpdm.scans.same_grid import on_grid_of

    started = time.perf_counter()
    analysis, found, native = export.analysis, export.interpretation, export.native
    with result_folder(folder, overwrite=overwrite, names=names) as staging:
        if ANALYSIS_FOLDER in names:
            analysis.save(staging / ANALYSIS_FOLDER)
        edited = None
        if export.edited is not None:
            edited = on_grid_of(analysis.geometry.as_volume(native.mask), export.edited)
            _write_edited(staging, export, edited, names)
        report = build_report(
            analysis,
            found,
            native,
            seconds=time.perf_counter() - started,
            warnings=(*analysis.metadata.warnings, *export.remarks),
            reviewed=export.reviewed,
        )
        if export.measurements:
            report["measurements"] = list(export.measurements)
        files = set(names).difference(DICOM_NAMES)
        if export.regions is not None:
            add_regions(report, export.regions)
        write_results(staging, analysis, found, native, report, names=files)
        if export.dicom is not None:
            shown = native if edited is None else with_mask(native, edited, analysis)
            write_dicom_results(staging, export.dicom, analysis, shown, names)
    return folder


def with_mask(native: NativeResult, edited: Volume, analysis: Analysis) -> NativeResult:
    """Return a result with another mask, measured anew."""
    import numpy as np

    from anofpdm.results.lesions import find_lesions

    lesions = find_lesions(edited.data, np.array(analysis.geometry.affine), native.anomaly_map)
    return replace(native, mask=lesions.mask_without(), lesions=lesions)


def _write_edited(staging: Path, export: Export, edited: Volume, names: tuple[str, ...]) -> None:
    import numpy as np

    from anofpdm import write_nifti
    from anofpdm.results.lesion_csv import write_lesion_csv
    from anofpdm.results.lesions import find_lesions
    from anofpdm.results.regions import name_components
    from anofpdm.results.report import lesions_of

    grid = export.analysis.geometry.as_volume(export.native.mask)
    if EDITED_MASK_FILE in names:
        small = edited.data.min() >= 0 and edited.data.max() <= np.iinfo(np.uint8).max
        dtype = np.uint8 if small else np.int32
        write_nifti(staging / EDITED_MASK_FILE, edited.data, grid, dtype)
    if EDITED_TABLE_FILE in names:
        lesions = find_lesions(edited.data, grid.affine, export.native.anomaly_map)
        reviewed = (export.edited_review or export.reviewed).on(lesions)
        listed = lesions_of(lesions, reviewed.review.without_rejections)
        if export.regions is not None:
            name_components(listed["components"], export.regions)
        write_lesion_csv(staging / EDITED_TABLE_FILE, listed["components"])
