"""The DICOM files of a result folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anofpdm.common.errors import OutputError
from anofpdm.results.dicom.deidentified import mark_deidentified, without_identity
from anofpdm.results.dicom.measurements import measurement_report
from anofpdm.results.dicom.segmentation import Algorithm, segmentation
from anofpdm.results.dicom.source_images import source_images
from anofpdm.results.folder import DICOM_MAP_FILE, DICOM_MASK_FILE, DICOM_MEASUREMENTS_FILE
from anofpdm.scans.dicom.optional import quiet

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.results.native import NativeResult
    from anofpdm.scans.dicom.series import Series


@dataclass(frozen=True)
class DicomOutput:
    """Where DICOM results belong, and how.

    Attributes
    ----------
    series : Series
        The one that was segmented.
    deidentify : bool
        Leave out all that could identify the patient, see `without_identity`.
    edited : bool
        Whether a reader has changed the mask; its segment is then semi-automatic.
    """

    series: Series
    deidentify: bool = False
    edited: bool = False


def check_dicom_output() -> None:
    """Check before the work starts that DICOM can be written.

    Raises
    ------
    OutputError
        When highdicom is not installed.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise OutputError(
            "DICOM results need highdicom: install it (pip install 'napari-anofpdm[dicom]'), or "
            "leave --dicom out."
        ) from error


def lies_on(series: Series, analysis: Analysis) -> bool:
    """Whether the slices of a series have the voxels of an analysis."""
    stack, geometry = series.stack, analysis.geometry
    return (
        stack is not None
        and stack.shape == geometry.shape
        and np.allclose(stack.affine, geometry.affine, atol=1e-3)
    )


def check_is_source(series: Series, analysis: Analysis) -> None:
    """Check that a series has the voxels of an analysis.

    Raises
    ------
    OutputError
        When it has other voxels, or lies elsewhere.
    """
    if not lies_on(series, analysis):
        raise OutputError(
            f"{series.label} of {series.files.path} is not the scan of this analysis: its slices "
            "lie elsewhere; choose the series that was segmented."
        )


def write_dicom_results(
    folder: Path,
    output: DicomOutput,
    analysis: Analysis,
    native: NativeResult,
    names: Collection[str],
) -> None:
    """Write mask and map as segmentations, and the measurements as a report.

    Parameters
    ----------
    folder : Path
        An existing folder.
    output : DicomOutput
        The source series.
    analysis : Analysis
        For the model and the geometry.
    native : NativeResult
        What is written.
    names : collection of str
        Which of `DICOM_NAMES`.

    Raises
    ------
    OutputError
        When highdicom is missing, or the series is gone or another one.
    """
    check_dicom_output()
    series, stack = output.series, output.series.stack
    check_is_source(series, analysis)
    assert stack is not None
    with quiet():
        images = source_images(series)
        if output.deidentify:
            images = without_identity(images)
        algorithm = _algorithm(analysis, output.edited)
        first = _series_number(series)
        mask = segmentation(
            "BINARY",
            native.mask,
            images,
            stack,
            algorithm,
            series_number=first,
            label="ANOMALY_MASK",
            description=(
                "AnoFPDM anomaly mask, edited by a reader (research only)"
                if output.edited
                else "AnoFPDM anomaly mask (research only)"
            ),
        )
        if DICOM_MASK_FILE in names:
            _save(mask, folder / DICOM_MASK_FILE, output)
        if DICOM_MAP_FILE in names:
            peak = float(native.anomaly_map.max(initial=0.0)) or 1.0
            fractions = segmentation(
                "FRACTIONAL",
                np.clip(native.anomaly_map / peak, 0, 1),
                images,
                stack,
                algorithm,
                series_number=first + 1,
                label="ANOMALY_MAP",
                description=f"AnoFPDM anomaly map / {peak:.6g}; no probability (research only)",
            )
            _save(fractions, folder / DICOM_MAP_FILE, output)
        if DICOM_MEASUREMENTS_FILE in names:
            report = measurement_report(
                native.lesions, mask, images, algorithm, series_number=first + 2
            )
            _save(report, folder / DICOM_MEASUREMENTS_FILE, output)


def _save(result: Any, path: Path, output: DicomOutput) -> None:
    if output.deidentify:
        mark_deidentified(result)
    result.save_as(path, enforce_file_format=True)


def _series_number(series: Series) -> int:
    """Choose numbers beside those of a scanner: 501 to 503 for series 5."""
    number = int("".join(filter(str.isdigit, series.key)) or 0)
    return number * 100 + 1 if 0 <= number < 10**7 else 9001


def _algorithm(analysis: Analysis, edited: bool) -> Algorithm:
    from importlib.metadata import version

    bundle = analysis.metadata.bundle
    return Algorithm(version("napari-anofpdm"), f"{bundle.name} {bundle.version}", edited)
