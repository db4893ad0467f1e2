"""`Picture`: the content of the report's picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.results.pictures.greys import scan_of
from anofpdm.results.pictures.words import found_words

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.results.native import NativeResult


@dataclass(frozen=True)
class Picture:
    """The content of the report, on the scan's own voxels along canonical axes (toward R, A, S).

    Attributes
    ----------
    scan : ndarray, shape (i, j, k)
        The scan drawn beneath, in its own units; NaN counts as background.
    anomaly_map : ndarray, shape (i, j, k)
        H, 0 or more.
    mask : ndarray of bool, shape (i, j, k)
    spacing : tuple of float
        Voxel size in mm along the three axes.
    title : str
        What was analysed, and the outcome, in one line.
    footer : str
        The bundle's name and version, and how it was run.
    warnings : tuple of str
        What may spoil the result, a sentence each.
    truth : ndarray of bool, shape (i, j, k), optional
        A known lesion.
    """

    scan: NDArray[Any]
    anomaly_map: NDArray[np.float32]
    mask: NDArray[np.bool_]
    spacing: tuple[float, float, float]
    title: str
    footer: str
    warnings: tuple[str, ...] = ()
    truth: NDArray[np.bool_] | None = None


def picture_of(
    analysis: Analysis,
    native: NativeResult,
    report: Mapping[str, Any],
    truth: NDArray[Any] | None = None,
) -> Picture:
    """Turn scan, map and mask to canonical axes, and sum up the report in two lines.

    The scan drawn is that of `scan_of`.
    """
    geometry, modality = analysis.geometry, analysis.scored[0]
    turn = geometry.orientation.to_canonical
    x, y, z = (float(v) for v in np.linalg.norm(geometry.canonical_affine[:3, :3], axis=0))
    lesions, bundle, run = report["lesions"], report["bundle"], report["analysis"]
    count = len(lesions["components"])
    name = next((s["name"] for s in report["sources"] if s["modality"] == modality), "scan")
    return Picture(
        scan=scan_of(analysis),
        anomaly_map=turn(native.anomaly_map),
        mask=turn(native.mask).astype(bool),
        truth=None if truth is None else turn(truth).astype(bool),
        spacing=(x, y, z),
        title=found_words(name, lesions["volume_ml"], count),
        warnings=tuple(report["warnings"]),
        footer=f"bundle {bundle['name']} {bundle['version']} ({bundle['hash'][:12]}), "
        f"{modality.upper()}, {run['process'].upper()}, {len(run['timesteps'])} steps up to "
        f"t = {run['timesteps'][-1]}, seed {run['seed']}, {run['device']}",
    )
