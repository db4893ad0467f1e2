"""`SliceRow`: verdict and lesion size of each analysed slice, for the strip and the figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from anofpdm import Analysis, Interpretation
    from anofpdm.results.native import NativeResult


@dataclass(frozen=True, eq=False)
class SliceRow:
    """Verdict and lesion size of the S slices of an analysis.

    Attributes
    ----------
    slice_ids : ndarray of int, shape (S,)
        Canonical axial index.
    computed : ndarray of bool, shape (S,)
        Whether a slice has been interpreted; if not, its other entries are undefined.
    cosine : ndarray, shape (S,)
        Eq. 18, 0..1.
    healthy : ndarray of bool, shape (S,)
        The gate's verdict.
    area_mm2 : ndarray, shape (S,)
        Marked area on the scan's own voxels.
    thickness_mm : float
        Distance between slices: area times it is the volume.
    """

    slice_ids: NDArray[np.int64]
    computed: NDArray[np.bool_]
    cosine: NDArray[np.float64]
    healthy: NDArray[np.bool_]
    area_mm2: NDArray[np.float64]
    thickness_mm: float

    @property
    def volume_ml(self) -> float:
        """Marked volume of all computed slices, in millilitres."""
        # Rounded to agree with the rounded sum over the lesions despite float64 errors.
        return round(float(self.area_mm2[self.computed].sum()) * self.thickness_mm / 1000.0, 6)


def slice_row(
    analysis: Analysis, result: Interpretation | None, native: NativeResult | None
) -> SliceRow:
    """Build the row from an interpretation of some slices and its native mask.

    Parameters
    ----------
    analysis : Analysis
    result : Interpretation or None
        Of any slices of the analysis; all other slices count as not computed.
    native : NativeResult or None
        The result on the scan's own voxels; without it areas are 0.
    """
    ids = np.asarray(analysis.slice_ids, dtype=np.int64)
    computed = np.zeros(len(ids), dtype=bool)
    cosine, healthy = np.zeros(len(ids)), np.zeros(len(ids), dtype=bool)
    if result is not None:
        computed = np.isin(ids, result.slice_ids)
        places = {int(slice_id): i for i, slice_id in enumerate(result.slice_ids)}
        found = [places[int(slice_id)] for slice_id in ids[computed]]
        cosine[computed], healthy[computed] = result.cosine[found], result.healthy[found]
    geometry = analysis.geometry
    thickness = geometry.slice_thickness_mm
    area = np.zeros(len(ids))
    if native is not None:
        voxels = geometry.orientation.to_canonical(native.mask).astype(bool).sum(axis=(0, 1))
        area = voxels[ids] * (geometry.voxel_volume_ml * 1000.0 / thickness)
    return SliceRow(ids, computed, cosine, healthy, area, thickness)
