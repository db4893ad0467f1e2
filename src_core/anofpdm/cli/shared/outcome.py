"""Shared by `segment`, `interpret` and `demo`: warnings, result files and summary."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group
from rich.table import Table

from anofpdm.cli.shared.console import Console
from anofpdm.method.calibration import Calibration, TimestepGrid, chosen_grid
from anofpdm.method.settings import Settings
from anofpdm.method.settings_words import threshold_words

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.results.dicom.files import DicomOutput
    from anofpdm.results.native import NativeResult


def warn_of_calibration(
    console: Console,
    name: str,
    calibration: Calibration | None,
    settings: Settings,
    grid: TimestepGrid | None = None,
) -> None:
    """Warn if the bundle has no calibration, or one that does not match the settings."""
    if calibration is None:
        console.warn(
            f"The bundle {name} is not calibrated: the mask uses "
            f"{threshold_words(settings.threshold)} at w = {settings.guidance:g}, and slices are "
            "not classified as healthy or unhealthy. Calibrate it with anofpdm select-guidance."
        )
        return
    if calibration.told_apart is False:
        console.warn(
            f"The bundle {name} is calibrated, but no guidance classified its calibration slices "
            "better than one class for all; do not trust the mask."
        )
    calibrated = chosen_grid(calibration)
    if grid is not None and grid != calibrated:
        console.warn(
            f"The bundle {name} was calibrated with {calibrated}, but this run uses {grid}: the "
            "calibrated thresholds may not fit."
        )
    if settings.polarity != calibration.polarity:
        console.warn(
            f"The bundle {name} was calibrated for the polarity {calibration.polarity}, but this "
            f"run uses {settings.polarity}: the calibrated thresholds may not fit."
        )


def finish_results(
    folder: Path,
    analysis: Analysis,
    interpretation: Interpretation,
    started: float,
    console: Console,
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
        if warning not in console.warnings:
            console.warn(warning)
    native = to_native(analysis, interpretation)
    seconds = time.perf_counter() - started
    report = build_report(
        analysis, interpretation, native, seconds=seconds, warnings=console.warnings
    )
    if regions:
        _name_regions(analysis, report, console)
    names = (*DEFAULT_NAMES, *more)
    write_results(
        folder, analysis, interpretation, native, report, truth=truth, names=names, dicom=dicom
    )
    return report, native


def _name_regions(analysis: Analysis, report: dict[str, Any], console: Console) -> None:
    """Add to each lesion of a report the region near it, and how it was found."""
    from anofpdm.preprocessing.atlas import fit_template
    from anofpdm.scans.volume import Volume

    components = report["lesions"]["components"]
    if not components:
        return
    modality, voxels = next(iter(analysis.native.items()))
    scan = Volume(voxels, np.array(analysis.geometry.affine), modality)
    fitted = fit_template(scan, np.asarray(analysis.foreground_native))
    report["regions"] = {
        "approximate": True,
        "method": "affine to ICBM152, nearest points of Dosenbach et al. 2010",
        "mutual_information": round(fitted.similarity.value, 4),
        "mutual_information_by_chance": round(fitted.similarity.by_chance, 4),
    }
    if not fitted.similarity.passed:
        console.warn(
            "The lesions have no region names, because the scan does not fit the template "
            f"({fitted.similarity.words}); check the brain mask."
        )
        report["warnings"] = list(console.warnings)
        return
    names = fitted.names([each["centre_mm"] for each in components])
    for component, name in zip(components, names, strict=True):
        component["approximate_region"] = name


def summary_of(out: Path, report: Mapping[str, Any]) -> Group:
    """Summarise a report in a small table."""
    from anofpdm.scans.skull import tells_of_skull

    lesions, slices = report["lesions"], report["slices"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Lesion volume", f"{lesions['volume_ml']:.2f} ml")
    table.add_row("Connected lesions", str(len(lesions["components"])))
    settings = report["settings"]
    if settings["gate"] or settings["threshold"]["kind"] == "absolute":
        unhealthy = sum(not entry["healthy"] for entry in slices)
        counted = f"{unhealthy} of {len(slices)}"
        if tells_of_skull(report["warnings"]):
            counted += "; not reliable with the skull in view"
        table.add_row("Unhealthy slices", counted)
    else:
        table.add_row("Slices analysed", str(len(slices)))
    table.add_row("Guidance w", f"{report['settings']['guidance']:g}")
    table.add_row("Time", f"{report['seconds']:.1f} s")
    table.add_row("Results", str(out))
    return Group(table, report["intended_use"])
