"""Mask and map of an interpretation, brought back onto the scan's own voxels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anofpdm.results.lesions import Lesions, find_lesions
from anofpdm.results.refinement import refined_mask, refined_plane

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
    lesions : Lesions
        The connected components of the mask, numbered and measured.
    """

    mask: NDArray[np.uint8]
    anomaly_map: NDArray[np.float32]
    lesions: Lesions

    def without(self, numbers: Collection[int]) -> NativeResult:
        """Return the result without the lesions of these numbers; the others are renumbered."""
        return NativeResult(
            self.lesions.mask_without(numbers), self.anomaly_map, self.lesions.without(numbers)
        )


def to_native(analysis: Analysis, interpretation: Interpretation) -> NativeResult:
    """Bring an interpretation of all slices of an analysis back onto the input's voxels.

    The mask decided on the network's grid goes over linearly, is cut at 0.5 and kept inside the
    brain; where the settings ask for it, it is redrawn on the scan (`refined_mask`) instead. Then
    components below `min_component_ml` go.

    Raises
    ------
    SettingsError
        When the settings refine on a scan that the analysis does not hold.
    """
    geometry = analysis.geometry
    ids = interpretation.slice_ids
    refinement = interpretation.settings.refinement
    if refinement is None:
        mask = geometry.mask_to_native(interpretation.mask, ids, analysis.foreground_native)
    else:
        mask = refined_mask(analysis, interpretation, refinement)
    anomaly_map = geometry.map_to_native(interpretation.anomaly_map, ids)
    inside = mask.view(np.bool_)  # 0 and 1: no copy, which a big scan would feel
    lesions = find_lesions(
        inside, np.array(geometry.affine), anomaly_map, interpretation.settings.min_component_ml
    )
    np.not_equal(lesions.labels, 0, out=inside)
    return NativeResult(mask, anomaly_map, lesions)


def native_plane(
    analysis: Analysis, interpretation: Interpretation, mask: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Bring the mask of one slice onto its voxels, before its volume is known.

    Small volumes are still in it, and a refinement sees this slice alone; see `refined_plane`.

    Parameters
    ----------
    analysis : Analysis
    interpretation : Interpretation
        Its first slice is the one.
    mask : ndarray of bool, shape (H, W)
        Taken in place of the mask of the interpretation, such as one without the gate.

    Returns
    -------
    ndarray, shape (x, y) of the canonical voxels, uint8 of 0 and 1

    Raises
    ------
    SettingsError
        When the settings refine on a scan that the analysis does not hold.
    """
    refinement = interpretation.settings.refinement
    if refinement is None:
        slice_id = int(interpretation.slice_ids[0])
        return analysis.geometry.mask_plane(mask, slice_id, analysis.foreground_native)
    return refined_plane(analysis, replace(interpretation, mask=mask[None]), refinement)
