"""Brings what the network predicts to the greys of the scan: one window shows both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anofpdm.scans.foreground import CleanVoxels, foreground_of
from anofpdm.scans.preprocessing import white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.analysis.analysis import Analysis


def network_white(analysis: Analysis, scan: NDArray[Any]) -> float:
    """Return the value of a scan that the network sees as 1, its brightest.

    Preprocessing brings 0 to -1 and this value to 1 (docs/method.md#10-preprocessing). Where each
    slice is stretched on its own (`slice_minmax`), it is the median of the brightest voxels of the
    analysed slices.

    Parameters
    ----------
    analysis : Analysis
    scan : ndarray, shape (x, y, z)
        The scan that was analysed, or another on its voxels, along canonical axes.

    Returns
    -------
    float
        Above 0, in the units of the scan.

    Raises
    ------
    ValueError
        When the scan has another shape than what was analysed.
    """
    brain = analysis.geometry.orientation.to_canonical(analysis.foreground_native)
    if scan.shape != brain.shape:
        raise ValueError(f"the scan has shape {scan.shape}, and what was analysed {brain.shape}")
    values = CleanVoxels(scan)
    foreground = foreground_of(values) & brain
    config = analysis.metadata.bundle.preprocessing
    if config.intensity == "slice_minmax":
        slices = [int(k) for k in analysis.slice_ids]
        white = float(np.median([np.max(values[:, :, k] * foreground[:, :, k]) for k in slices]))
    else:
        white = white_level(values, foreground, config)
    return white if white > 0 else 1.0


def scan_of(analysis: Analysis) -> NDArray[Any]:
    """Return the scan of the first scored modality, along canonical axes.

    Where the analysis carries no scan, its slices on the network's grid stand in, 0..1.
    """
    geometry, modality = analysis.geometry, analysis.scored[0]
    if modality in analysis.native:
        scan = np.asarray(analysis.native[modality])
    else:
        scan = geometry.map_to_native(to_scan(analysis.x0[:, 0], 1.0), analysis.slice_ids)
    return geometry.orientation.to_canonical(scan)


def to_scan(network: NDArray[Any], white: float) -> NDArray[Any]:
    """Bring values of the network's scale, -1 to 1, to the units of a scan with this white."""
    return np.asarray((network + 1.0) / 2.0 * white)


def network_window(window: tuple[float, float], white: float) -> tuple[float, float]:
    """Bring the window of a scan with this white to the network's scale."""
    low, high = window
    return 2.0 * low / white - 1.0, 2.0 * high / white - 1.0
