"""Data of the shown map and mask: the slice in view at once, other slices when ready."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_anofpdm.space.placement import NetworkGrid, PlacedArray, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm import Analysis, Interpretation
    from napari_anofpdm.session.session import Session


class MaskPreview:
    """The mask on the scan's own voxels, as `to_native` computes it.

    A slice that is updated before its volume still contains components that are too small in
    millilitres, since their size is known only for the volume, and is refined by itself.

    Parameters
    ----------
    analysis : Analysis
    session : Session

    Attributes
    ----------
    placed : PlacedArray
        The voxels, uint8 of 0 and 1, written in place.
    """

    def __init__(self, analysis: Analysis, session: Session) -> None:
        self._session, self._analysis = session, analysis
        self._geometry = analysis.geometry
        empty = np.broadcast_to(np.uint8(0), analysis.geometry.shape)
        placed = place(analysis.geometry.as_volume(empty))
        self.placed: PlacedArray = replace(placed, data=np.zeros(placed.data.shape, np.uint8))

    def show_slice(self, slice_id: int) -> bool:
        """Update the slice in view; return whether it changed."""
        wanted = self._wanted(slice_id)
        if wanted is None or np.array_equal(self.placed.data[slice_id], wanted):
            return False
        self.placed.data[slice_id] = wanted
        return True

    def show_volume(self) -> None:
        """Update all slices."""
        if self._session.native is not None:
            self.placed.data[...] = self._along_world(self._session.native.mask)

    def _wanted(self, slice_id: int) -> NDArray[np.uint8] | None:
        session = self._session
        mask, result, native = session.slice_mask, session.slice_result, session.native
        if mask is None or result is None:
            return None
        from anofpdm.results.native import native_plane

        gated = result.settings.gate and bool(result.healthy[0])
        anyway = gated and session.position in session.shown_anyway
        if session.is_current and native is not None and not anyway:
            return np.asarray(self._along_world(native.mask)[slice_id])
        plane = native_plane(self._analysis, result, mask).T
        if session.rejected and native is not None and session.native_found is not None:
            found, kept = session.native_found.mask, native.mask
            plane = plane & ~self._along_world(found & ~kept)[slice_id]
        return plane

    def _along_world(self, native: NDArray[Any]) -> NDArray[Any]:
        return self._geometry.orientation.to_canonical(native).transpose()


class MapPreview:
    """The aggregated anomaly map on the network's grid, averaged over modalities.

    Parameters
    ----------
    grid : NetworkGrid

    Attributes
    ----------
    data : ndarray, shape of the grid, float32
        H of Eq. 20 after the median filter, which the threshold is compared with; 0 where nothing
        is analysed. Written in place.
    """

    def __init__(self, grid: NetworkGrid) -> None:
        self._grid = grid
        self.data = np.zeros(grid.shape, dtype=np.float32)

    def show(self, result: Interpretation) -> bool:
        """Copy the slices of an interpretation; return whether any changed."""
        changed = False
        for image, slice_id in zip(result.filtered_map, result.slice_ids, strict=True):
            plane = self._grid.along_world(image)
            if not np.array_equal(self.data[slice_id], plane):
                self.data[slice_id] = plane
                changed = True
        return changed
