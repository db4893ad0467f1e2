"""The files of a result folder: mask, maps, lesion table, report and picture."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import OutputError
from anofpdm.results.dicom.files import DicomOutput, write_dicom_results
from anofpdm.results.folder import (
    ANOMALY_MAP_FILE,
    DEFAULT_NAMES,
    DICOM_NAMES,
    FUSED_MAP_FILE,
    LESION_TABLE_FILE,
    MASK_FILE,
    NRRD_MAP_FILE,
    NRRD_MASK_FILE,
    PICTURE_FILE,
    REPORT_FILE,
)
from anofpdm.results.fused_map import fused_map
from anofpdm.results.lesion_csv import write_lesion_csv
from anofpdm.results.nrrd import write_nrrd
from anofpdm.scans.volume import write_nifti

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.results.native import NativeResult


def write_results(
    folder: Path,
    analysis: Analysis,
    interpretation: Interpretation,
    native: NativeResult,
    report: Mapping[str, Any],
    *,
    truth: NDArray[Any] | None = None,
    names: Collection[str] = DEFAULT_NAMES,
    dicom: DicomOutput | None = None,
) -> None:
    """Write mask, maps, lesion table, report and picture into a folder.

    Parameters
    ----------
    folder : Path
        An existing folder, as `result_folder` yields it.
    analysis, interpretation, native
        What is written, see `to_native`.
    report : mapping
        The report, see `build_report`.
    truth : ndarray, shape of the input, optional
        A known lesion, drawn into the picture.
    names : collection of str
        Which of `INTERPRETATION_NAMES` are written; by default those of `DEFAULT_NAMES`.
    dicom : DicomOutput, optional
        The source series; without it no DICOM file is written.

    Raises
    ------
    OutputError
        When a file cannot be written.
    """
    grid = analysis.geometry.as_volume(native.mask)
    if MASK_FILE in names:
        write_nifti(folder / MASK_FILE, native.mask, grid, np.uint8)
    if ANOMALY_MAP_FILE in names:
        write_nifti(folder / ANOMALY_MAP_FILE, native.anomaly_map, grid, np.float32)
    if FUSED_MAP_FILE in names:
        write_nifti(folder / FUSED_MAP_FILE, fused_map(analysis, interpretation), grid, np.float32)
    if NRRD_MASK_FILE in names:
        write_nrrd(folder / NRRD_MASK_FILE, native.mask, grid)
    if NRRD_MAP_FILE in names:
        write_nrrd(folder / NRRD_MAP_FILE, native.anomaly_map, grid)
    if dicom is not None and not set(names).isdisjoint(DICOM_NAMES):
        write_dicom_results(folder, dicom, analysis, native, names)
    try:
        if LESION_TABLE_FILE in names:
            found = report["lesions"]
            listed = [*found["components"], *found["rejected"]]
            write_lesion_csv(folder / LESION_TABLE_FILE, listed)
        if REPORT_FILE in names:
            text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
            (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")
        if PICTURE_FILE in names:
            from anofpdm.results.pictures.report.page import save_picture
            from anofpdm.results.pictures.report.picture import picture_of

            picture = picture_of(analysis, native, report, truth)
            save_picture(folder / PICTURE_FILE, picture, interpretation)
    except OSError as error:
        raise OutputError(
            f"The report cannot be written to {folder.parent} ({error.strerror}); free some space "
            "or choose another folder."
        ) from error
