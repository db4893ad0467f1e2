"""The result files of one scan, and the report that they come with."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from anofpdm.results.folder import BRAIN_MASK_FILE
from anofpdm.segmentation.messages import Messages

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.preprocessing.chain import PreparedScans
    from anofpdm.results.dicom.files import DicomOutput
    from anofpdm.results.native import NativeResult


def finish_results(
    folder: Path,
    analysis: Analysis,
    interpretation: Interpretation,
    started: float,
    messages: Messages,
    truth: NDArray[Any] | None = None,
    *,
    more: Collection[str] = (),
    dicom: DicomOutput | None = None,
    regions: bool = False,
) -> tuple[dict[str, Any], NativeResult]:
    """Write the result files into `folder`.

    Parameters
    ----------
    started : float
        `time.perf_counter()` at the start of the command.
    truth : ndarray, shape of the scan, optional
        A known lesion, outlined in the picture.
    more : collection of str
        Files that are written beside `DEFAULT_NAMES`.
    dicom : DicomOutput, optional
        The source series of DICOM results.
    regions : bool
        Whether each lesion gets the name of the region it lies near.

    Returns
    -------
    report : dict
    native : NativeResult
        Mask and map as written.
    """
    from anofpdm.results.files import write_results
    from anofpdm.results.folder import DEFAULT_NAMES
    from anofpdm.results.native import to_native
    from anofpdm.results.report import build_report

    for warning in analysis.metadata.warnings:
        if warning not in messages.warnings:
            messages.warn(warning)
    native = to_native(analysis, interpretation)
    seconds = time.perf_counter() - started
    report = build_report(
        analysis, interpretation, native, seconds=seconds, warnings=messages.warnings
    )
    if regions:
        _name_regions(analysis, report, messages)
    names = (*DEFAULT_NAMES, *more)
    write_results(
        folder, analysis, interpretation, native, report, truth=truth, names=names, dicom=dicom
    )
    return report, native


def _name_regions(analysis: Analysis, report: dict[str, Any], messages: Messages) -> None:
    from anofpdm.results.regions import add_regions, fault_of, fit_of_analysis

    if not report["lesions"]["components"]:
        return
    fit = fit_of_analysis(analysis)
    fault = fault_of(fit)
    if fault is not None:
        messages.warn(fault)
        report["warnings"] = list(messages.warnings)
    add_regions(report, fit)


def write_brain_mask(folder: Path, prepared: PreparedScans) -> None:
    """Write the brain mask into a result folder, if it was made here."""
    if prepared.extracted and prepared.brain_mask is not None:
        from anofpdm.scans.volume import write_nifti

        mask = prepared.brain_mask
        write_nifti(folder / BRAIN_MASK_FILE, mask.data, mask, "uint8")
