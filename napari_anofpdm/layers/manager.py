"""`LayerManager`: the layers that show a session, and the committed mask."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_anofpdm.layers.dims_link import DimsLink
from napari_anofpdm.layers.fused_layer import FusedLayer
from napari_anofpdm.layers.preview import MapPreview, MaskPreview
from napari_anofpdm.layers.shown_layers import ShownLayers
from napari_anofpdm.layers.step_layers import StepLayers
from napari_anofpdm.space.placement import place_network

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from napari.viewer import Viewer

    from anofpdm import Analysis, Interpretation
    from anofpdm.results.native import NativeResult
    from napari_anofpdm.layers.roles import Role
    from napari_anofpdm.session.session import Session

_UNSET = (0.0, 1.0)
_FITTED: tuple[Role, ...] = ("map", "sam")


class LayerManager:
    """Shows the session of a viewer in layers that lie on the scan in world space.

    Each layer has its `Role` in its metadata. A layer that the user deletes is not shown again
    until the next analysis.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session

    Attributes
    ----------
    link : DimsLink
    steps : StepLayers
    fused : FusedLayer
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._shown = ShownLayers(viewer, session)
        self._map: MapPreview | None = None
        self._mask: MaskPreview | None = None
        self._limits: WeakKeyDictionary[Layer, tuple[float, float]] = WeakKeyDictionary()
        self._commit_waits = self._made_way = False
        self.link = DimsLink(viewer, session)
        self.steps = StepLayers(viewer, self._shown, session)
        self.fused = FusedLayer(self._shown, session)
        session.analysis_changed.connect(self._on_analysis)
        session.settings_changed.connect(self._on_settings)
        session.slice_interpreted.connect(self._on_slice)
        session.volume_interpreted.connect(self._on_volume)
        session.native_changed.connect(self._on_native)
        session.edited_changed.connect(self._on_edited)

    def layer(self, role: Role) -> Layer | None:
        """Return the layer of a role, if it is in the viewer."""
        return self._shown.layer(role)

    def show_predictions(self, shown: bool) -> None:
        """Show or remove the healthy-guided and the unguided predictions, step by step."""
        self.steps.show_predictions(shown)

    def fit_limits(self) -> None:
        """Fit the colour range to the map again, after the user has set it."""
        for role in _FITTED:
            layer: Any = self.layer(role)
            if layer is not None:
                self._limits[layer] = tuple(layer.contrast_limits)
        result = self._session.volume_result or self._session.slice_result
        if result is not None:
            self._fit_limits(result)

    def commit_mask(self) -> Labels | None:
        """Make an editable mask, on the scan's own voxels, from the current interpretation.

        Returns
        -------
        napari.layers.Labels or None
            The new layer, with its own undo history; earlier committed masks do not change. None
            if the volume is not yet interpreted under the current settings; the layer is then
            added automatically.

        Raises
        ------
        SettingsError
            If nothing is analysed yet.
        """
        session = self._session
        if not session.done:
            from anofpdm.common.errors import SettingsError

            raise SettingsError("There is no mask to edit yet; run an analysis or open one.")
        self._commit_waits = not session.is_current
        if not self._commit_waits:
            return self._commit()
        session.result_wanted.emit()
        return None

    def _commit(self) -> Labels | None:
        from napari_anofpdm.layers.layer_making import mask_layer

        viewer, session = self._viewer(), self._session
        if viewer is None or session.analysis is None or session.native is None:
            return None
        analysis = session.analysis
        found = analysis.geometry.as_volume(session.native.mask)
        layer = mask_layer(found, analysis.metadata.sources)
        viewer.add_layer(layer)
        self._show_preview(False)
        return layer

    def _show_preview(self, shown: bool) -> None:
        """Hide the preview after a commit, or show it again; the user's own choice is kept."""
        preview = self.layer("preview")
        if preview is not None and preview.visible != shown and self._made_way == shown:
            preview.visible = shown
            self._made_way = not shown

    def _on_analysis(self, analysis: Analysis | None) -> None:
        # Removing layers moves the viewer's dims, which still belong to the previous analysis.
        self.link.detach()
        self._map = self._mask = None
        self._commit_waits = False
        if analysis is None:
            self._shown.clear()
            self._made_way = False
            return
        from napari_anofpdm.layers.layer_making import map_layer, preview_layer

        grid = place_network(analysis.geometry)
        self._map, self._mask = MapPreview(grid), MaskPreview(analysis, self._session)
        self.steps.show(analysis, grid)
        self._shown.show("map", map_layer(self._map.data, grid))
        self._shown.show("preview", preview_layer(self._mask.placed))
        self._on_edited(self._session.edited)
        self.link.attach(grid, [int(k) for k in analysis.slice_ids])

    def _on_settings(self) -> None:
        self._commit_waits = False
        self._on_edited(self._session.edited)

    def _on_edited(self, edited: NativeResult | None) -> None:
        """Show the mask that the panels measure: the edited one, or the preview."""
        self._show_preview(edited is None)

    def _on_slice(self, result: Interpretation) -> None:
        if self._map is None or self._mask is None:
            return
        if self._session.volume_result is None:
            self._fit_limits(result)
        # The thumbnails follow with the volume, which comes when the settings stop changing.
        if self._map.show(result):
            self._shown.refresh("map", thumbnail=False)
        if self._mask.show_slice(int(result.slice_ids[0])):
            self._shown.refresh("preview", thumbnail=False)

    def _on_volume(self, result: Interpretation) -> None:
        if self._map is not None:
            self._fit_limits(result)
            self._map.show(result)
            self._shown.refresh("map")

    def _on_native(self, _: object) -> None:
        if self._mask is None:
            return
        self._mask.show_volume()
        if self._session.slice_result is not None:
            self._mask.show_slice(int(self._session.slice_result.slice_ids[0]))
        self._shown.refresh("preview")
        if self._commit_waits and self._session.is_current:
            self._commit_waits = False
            self._commit()

    def _fit_limits(self, result: Interpretation) -> None:
        """Fit the colour range to the map, unless the user has set it.

        The range includes the threshold, so that a healthy scan stays dim.
        """
        top = float(max(result.filtered_map.max(), result.threshold.max()))
        if top <= 0:
            return
        for role in _FITTED:
            layer: Any = self.layer(role)
            if layer is None or tuple(layer.contrast_limits) != self._limits.get(layer, _UNSET):
                continue
            layer.contrast_limits_range = (0.0, 2 * top)
            layer.contrast_limits = self._limits[layer] = (0.0, top)
