"""`PredictionWindow`: predictions as bright as the scan that they are compared with."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from napari_anofpdm.space.head_box import is_placed_scan, scan_in_front

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from anofpdm import Analysis

_UNMATCHED = (-1.0, 1.0)
"""The whole range of the network's scale."""


class PredictionWindow:
    """Shows predictions in the window of the scan in front, so that only what differs differs.

    Predictions are on the network's scale, on which a scan lies by one factor; they follow each
    change of the scan's window. Without a scan, or with one of other voxels than were analysed,
    they are shown in the whole range of that scale.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Of the scan.
    analysis : callable
        Returns the analysis that the predictions are of, or None.
    """

    def __init__(self, viewer: Viewer, analysis: Callable[[], Analysis | None]) -> None:
        self._viewer, self._analysis = weakref.ref(viewer), analysis
        self._predictions: WeakSet[Layer] = WeakSet()
        self._whites: WeakKeyDictionary[Layer, _White] = WeakKeyDictionary()
        events = viewer.layers.events
        events.inserted.connect(self._on_inserted)
        events.removed.connect(self.renew)
        events.reordered.connect(self.renew)
        for layer in viewer.layers:
            self._watch(layer)

    def add(self, prediction: Layer) -> None:
        """Show a prediction, of this viewer or another, in the window from now on."""
        self._predictions.add(prediction)
        self.renew()

    def renew(self, _: object = None) -> None:
        """Match the predictions with the scan again."""
        shown: list[Any] = list(self._predictions)
        limits = self._limits() if shown else _UNMATCHED
        for layer in shown:
            if tuple(layer.contrast_limits) != limits:
                layer.contrast_limits_range = (min(limits[0], -1.0), max(limits[1], 1.0))
                layer.contrast_limits = limits

    def _limits(self) -> tuple[float, float]:
        from anofpdm.results.pictures.greys import network_window

        viewer = self._viewer()
        scan: Any = None if viewer is None else scan_in_front(viewer)
        white = None if scan is None else self._white_of(scan)
        if white is None:
            return _UNMATCHED
        low, high = (float(limit) for limit in scan.contrast_limits)
        return network_window((low, high), white)

    def _white_of(self, scan: Layer) -> float | None:
        from anofpdm.results.pictures.greys import network_white

        analysis = self._analysis()
        if analysis is None:
            return None
        known = self._whites.get(scan)
        if known is None or known[0]() is not analysis or known[1] != id(scan.data):
            try:
                white = network_white(analysis, np.asarray(scan.data).transpose())
            except ValueError:
                white = None
            known = self._whites[scan] = (weakref.ref(analysis), id(scan.data), white)
        return known[2]

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)
        self.renew()

    def _watch(self, layer: Layer) -> None:
        if is_placed_scan(layer):
            for name in ("contrast_limits", "visible", "data"):
                getattr(layer.events, name).connect(self.renew)


_White = tuple["weakref.ref[Analysis]", int, float | None]
