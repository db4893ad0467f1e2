"""Keep the viewer's sliders and the session's slice and step in sync."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_anofpdm.session.session import Session
    from napari_anofpdm.space.placement import NetworkGrid

_SUPERIOR, _STEP = -3, -4  # world axes, counted from the last


class DimsLink:
    """Synchronises the viewer's dims with the session's slice and step, in both directions.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._grid: NetworkGrid | None = None
        self._slice_ids: list[int] = []
        viewer.dims.events.point.connect(self.follow_view)
        session.position_changed.connect(self._show_position)
        session.step_changed.connect(self._show_step)

    def attach(self, grid: NetworkGrid, slice_ids: list[int]) -> None:
        """Follow the slices of an analysis.

        Parameters
        ----------
        grid : NetworkGrid
            Placement of its axial slices.
        slice_ids : list of int
            Canonical axial index of each analysed slice.
        """
        # The viewer's step belongs to the previous analysis; its slice is still valid.
        self._show_step(self._session.step)
        self._grid, self._slice_ids = grid, slice_ids
        self.follow_view()

    def detach(self) -> None:
        """Stop following the viewer."""
        self._grid = None

    @property
    def slice_in_view(self) -> int | None:
        """Canonical axial index of the slice at the viewer's point; None outside the scan."""
        viewer, grid = self._viewer(), self._grid
        if viewer is None or grid is None or viewer.dims.ndim < -_SUPERIOR:
            return None
        at = (viewer.dims.point[_SUPERIOR] - grid.translate[0]) / grid.scale[0]
        nearest = round(float(at))
        return nearest if 0 <= nearest < grid.shape[0] else None

    def follow_view(self) -> None:
        """Set the session's slice and step from the viewer."""
        viewer, session = self._viewer(), self._session
        if viewer is None or self._grid is None or session.analysis is None:
            return
        found = self.slice_in_view
        session.set_position(self._slice_ids.index(found) if found in self._slice_ids else -1)
        step = self._step_in_view
        if step is not None and step != session.step:
            session.set_step(step)

    @property
    def _step_in_view(self) -> int | None:
        viewer, analysis = self._viewer(), self._session.analysis
        if viewer is None or analysis is None or viewer.dims.ndim < -_STEP:
            return None
        step = round(float(viewer.dims.point[_STEP]))
        return min(max(step, 0), len(analysis.timesteps) - 1)

    def _show_position(self, position: int) -> None:
        viewer, grid = self._viewer(), self._grid
        if viewer is None or grid is None or position < 0 or viewer.dims.ndim < -_SUPERIOR:
            return
        slice_id = self._slice_ids[position]
        if slice_id != self.slice_in_view:
            world = grid.translate[0] + slice_id * grid.scale[0]
            viewer.dims.set_point(viewer.dims.ndim + _SUPERIOR, world)

    def _show_step(self, step: int) -> None:
        viewer = self._viewer()
        if viewer is not None and self._step_in_view not in (None, step):
            viewer.dims.set_point(viewer.dims.ndim + _STEP, float(step))
