"""The fused map: the anomaly map weighs the scan's own brightness, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anofpdm.results.standardized_scan import standardized_scan, toward

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation


@dataclass(frozen=True)
class Fusion:
    """Constants of the fused map (docs/method.md#1210-fused-map, Eq. F1), chosen on phantoms.

    Attributes
    ----------
    exponent : float
        a: 0 ignores the anomaly map, 1 multiplies by it.
    floor : float
        Added to the map in units of the threshold, so that a voxel the map misses keeps its rank.
    offset : float
        Added to z, in robust standard deviations; voxels below -offset are 0.
    smoothing_mm : float
        Standard deviation of the Gaussian that smooths the scan, in mm.
    """

    exponent: float = 0.35
    floor: float = 0.2
    offset: float = 4.0
    smoothing_mm: float = 1.0


FUSION = Fusion()


def fused_map(
    analysis: Analysis, interpretation: Interpretation, fusion: Fusion = FUSION
) -> NDArray[np.float32]:
    """Multiply the anomaly map by the smoothed scan, on the scan's own voxels (Eq. F1).

    F = (H / Q* + floor)^exponent * max(z + offset, 0), with z turned by the polarity as in the
    refinement. It ranks voxels; it has no unit and no threshold.

    Parameters
    ----------
    analysis : Analysis
    interpretation : Interpretation
        H and the threshold Q* of each slice. The reference scan is the refinement's, else the first
        scored modality.
    fusion : Fusion

    Returns
    -------
    ndarray, shape of the scan, float32, >= 0
        0 outside the brain and in slices that are not in the interpretation.

    Raises
    ------
    SettingsError
        When the analysis does not hold the reference scan.
    """
    settings, geometry, ids = interpretation.settings, analysis.geometry, interpretation.slice_ids
    chosen = settings.refinement
    reference = analysis.scored[0] if chosen is None else chosen.reference(analysis.scored)
    scan = standardized_scan(analysis, reference, fusion.smoothing_mm)
    threshold = interpretation.threshold[:, None, None]
    maps = interpretation.anomaly_map
    relative = np.divide(maps, threshold, out=np.zeros(maps.shape), where=threshold > 0)
    weight = geometry.map_to_native(relative, ids)[scan.box]
    seen = np.zeros(geometry.canonical_shape[2], dtype=bool)
    seen[ids] = True
    shown = geometry.orientation.to_input(np.broadcast_to(seen, geometry.canonical_shape))[scan.box]
    out = np.zeros(geometry.shape, dtype=np.float32)
    filled = out[scan.box]
    for i in range(len(filled)):  # plane by plane: a big scan has no room for each factor
        bright = toward(scan.z[i], settings.polarity) + np.float32(fusion.offset)
        fused = (weight[i] + np.float32(fusion.floor)) ** np.float32(fusion.exponent)
        fused *= np.maximum(bright, 0, out=bright)
        filled[i] = np.where(shown[i] & scan.brain[i], fused, 0)
    return out
