"""The window that shows a prediction as bright as the scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

    from anofpdm import Analysis

_BRAIN = (10.0, 90.0)  # percentiles of the brain that are taken to be equally bright
_THIN = 2  # every second voxel along each axis


def matched_window(analysis: Analysis, channel: int, scan: Layer) -> tuple[float, float] | None:
    """Return the limits of a prediction, on the network's scale, that match a scan's window.

    The network sees a scan on a linear scale of its own, which the brain's percentiles tell.

    Parameters
    ----------
    analysis : Analysis
    channel : int
        Of the prediction, among the scored modalities.
    scan : napari.layers.Layer
        With the window to match.

    Returns
    -------
    tuple of float, or None
        None where the scan has other voxels than were analysed, or a brain without contrast.
    """
    brain = analysis.geometry.orientation.to_canonical(analysis.foreground_native).transpose()
    data = np.asarray(scan.data)
    if data.shape != brain.shape:
        return None
    thin = (slice(None, None, _THIN),) * data.ndim
    own = _ends(data[thin][brain[thin]])
    seen = np.asarray(analysis.x0[:, channel])
    network = _ends(seen[np.asarray(analysis.foreground)])
    if own is None or network is None:
        return None
    factor = (network[1] - network[0]) / (own[1] - own[0])
    low, high = (float(x) for x in scan.contrast_limits)
    return network[0] + (low - own[0]) * factor, network[0] + (high - own[0]) * factor


def _ends(values: NDArray[np.generic]) -> tuple[float, float] | None:
    finite = values[np.isfinite(values)] if values.size else values
    if not finite.size:
        return None
    low, high = (float(x) for x in np.percentile(finite, _BRAIN))
    return (low, high) if high > low else None
