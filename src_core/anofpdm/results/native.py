"""Mask and map of an interpretation, brought back onto the scan's own voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anofpdm.method.postprocessing import remove_small_volumes

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation


@dataclass(frozen=True, eq=False)
class NativeResult:
    """Mask and map on the input's grid.

    Attributes
    ----------
    mask : ndarray, shape of the input, uint8
        1 where a lesion is marked, after the removal of small volumes.
    anomaly_map : ndarray, shape of the input, float32
        H (Eq. 20), averaged over modalities, not filtered; 0 where nothing was analysed.
    """

    mask: NDArray[np.uint8]
    anomaly_map: NDArray[np.float32]


def to_native(analysis: Analysis, interpretation: Interpretation) -> NativeResult:
    """Bring an interpretation of all slices of an analysis back onto the input's voxels.

    The mask decided on the network's grid goes over linearly, is cut at 0.5 and kept inside the
    brain; then components below `min_component_ml` go.
    """
    geometry = analysis.geometry
    ids = interpretation.slice_ids
    mask = geometry.mask_to_native(interpretation.mask, ids, analysis.foreground_native)
    kept = remove_small_volumes(
        mask.astype(bool), geometry.voxel_volume_ml, interpretation.settings.min_component_ml
    )
    return NativeResult(
        mask=kept.astype(np.uint8),
        anomaly_map=geometry.map_to_native(interpretation.anomaly_map, ids),
    )
