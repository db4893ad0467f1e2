"""`ScanLink`: which scan is in view, by the viewer's layers; the session follows it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_anofpdm.layers.layer_guess import of_one_head
from napari_anofpdm.layers.scan_layers import scan_layers
from napari_anofpdm.layers.windows import is_scan
from napari_anofpdm.session.scan import Scan
from napari_anofpdm.space.camera import View, go_to_scan, view_of
from napari_anofpdm.space.head_box import box_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.session.session import Session

_PLACE_EVENTS = ("data", "scale", "translate", "rotate", "shear", "affine")


class ScanLink:
    """Keeps the session at the scan in view: the topmost visible one.

    Scans whose file names differ in the contrast alone, in one folder, are of one head and share
    a `Scan`; so do copies of a layer, scans that were analysed together, and those that the user
    joins. While all scans are hidden, the last one stays in view.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._scans: WeakKeyDictionary[Layer, Scan] = WeakKeyDictionary()
        self._views: WeakKeyDictionary[Layer, View] = WeakKeyDictionary()
        events = viewer.layers.events
        # After napari has fitted its axes to the new layer.
        events.inserted.connect(self._on_inserted, position="last")
        events.removed.connect(self._on_removed)
        events.reordered.connect(self._look)
        session.scan_wanted.connect(self.bring_back)
        session.scan_joined.connect(self.join)
        for layer in viewer.layers:
            self._watch(layer)
        shown = self._in_view()
        self._box = None if shown is None else box_of(shown)
        self._last = None if shown is None else weakref.ref(shown)
        self._look()

    def scan_of(self, layers: Iterable[Layer]) -> Scan:
        """Return the scan that layers show together, as those of a run do.

        Parameters
        ----------
        layers : iterable of Layer
            At least one.
        """
        # napari gives plugins a proxy that returns new objects on each access.
        layers = [getattr(layer, "__wrapped__", layer) for layer in layers]
        known = [self._scans[layer] for layer in layers if layer in self._scans]
        scan = known[0] if known else Scan(layers[0].name)
        for layer in layers:
            self._scans[layer] = scan
        self._look()
        return scan

    def run_on(self, layers: Iterable[Layer]) -> Scan:
        """Return the scan that layers show, brought into view: its results are shown there."""
        scan = self.scan_of(layers)
        self.bring_back(scan)
        return scan

    def bring_back(self, scan: Scan) -> None:
        """Put a scan in view again, above the others, with the masks that lie on it.

        One that was removed is made anew.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        own = [layer for layer in viewer.layers if self._scans.get(layer) is scan]
        if not own:
            analysis = self._session.kept_analysis(scan)
            if analysis is None:
                return
            own = scan_layers(analysis, scan.name)
            for layer in own:
                self._scans[layer] = scan
                viewer.layers.insert(0, layer)
        top = own[-1]
        top.visible = True
        above = max(viewer.layers.index(layer) for layer in viewer.layers if self._counts(layer))
        at = viewer.layers.index(top)
        if at < above:
            others = [k for k in range(at + 1, above + 1) if self._counts(viewer.layers[k])]
            stack = list(range(at, others[0]))
            viewer.layers.move_multiple(stack, len(viewer.layers))
        self._look()

    def join(self, scan: Scan) -> None:
        """Count the scan in view among those of an analysed head."""
        layer = self._in_view()
        if layer is not None:
            self._scans[layer] = scan
            self._look()

    def _in_view(self) -> Layer | None:
        viewer = self._viewer()
        if viewer is None:
            return None
        shown = [layer for layer in viewer.layers if layer.visible and self._counts(layer)]
        return shown[-1] if shown else None

    def _counts(self, layer: Layer) -> bool:
        return layer in self._scans or is_scan(layer)

    def _look(self, _: object = None) -> None:
        layer, session = self._in_view(), self._session
        if layer is not None:
            self._leave_for(layer)
            session.show_scan(self._scans.setdefault(layer, Scan(layer.name)))
            self._go_to(layer)
        elif session.scan is not None and not self._is_here(session.scan):
            session.show_scan(None)

    def _leave_for(self, layer: Layer) -> None:
        """Remember how the layer that was in view was looked at, when another takes its place."""
        viewer, last = self._viewer(), None if self._last is None else self._last()
        if viewer is not None and last is not None and layer is not last:
            self._views[last] = view_of(viewer)

    def _go_to(self, layer: Layer) -> None:
        """Move the canvas to a layer that came into view, where it is out of sight."""
        viewer, last = self._viewer(), None if self._last is None else self._last()
        if viewer is not None and layer is not last:
            go_to_scan(viewer, layer, self._box, self._views.get(layer))
            self._last, self._box = weakref.ref(layer), box_of(layer)

    def _is_here(self, scan: Scan) -> bool:
        viewer = self._viewer()
        layers = () if viewer is None else viewer.layers
        return any(self._scans.get(layer) is scan for layer in layers)

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)
        if self._counts(event.value):
            self._look()

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        if self._counts(layer):
            layer.events.visible.disconnect(self._look)
            layer.events.name.disconnect(self._on_name)
            for name in _PLACE_EVENTS:
                getattr(layer.events, name).disconnect(self._on_change)
            self._look()

    def _watch(self, layer: Layer) -> None:
        viewer = self._viewer()
        if viewer is None or not self._counts(layer):
            return
        if layer not in self._scans:
            known = [other for other in viewer.layers if other in self._scans]
            same = [other for other in known if _copies(layer, other) or of_one_head(layer, other)]
            self._scans[layer] = self._scans[same[0]] if same else Scan(layer.name)
        layer.events.visible.connect(self._look)
        layer.events.name.connect(self._on_name)
        for name in _PLACE_EVENTS:
            getattr(layer.events, name).connect(self._on_change)

    def _on_name(self, event: Any) -> None:
        scan = self._scans.get(event.source)
        if scan is not None:
            scan.name = event.source.name
            self._session.scan_changed.emit(self._session.scan)

    def _on_change(self, event: Any) -> None:
        """Note that the voxels or the place of a scan are no longer those that were analysed."""
        scan = self._scans.get(event.source)
        if scan is not None and not scan.is_changed:
            scan.is_changed = True
            self._session.scan_changed.emit(self._session.scan)


def _copies(one: Layer, other: Layer) -> bool:
    """Whether two layers come from one reading of a file."""
    volumes = [layer.metadata.get("volume") for layer in (one, other)]
    return volumes[0] is not None and volumes[0] is volumes[1]
