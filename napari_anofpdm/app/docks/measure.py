"""The Measure panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.shortcuts import KEYS
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.panels.measure.panel import MeasurePanel

if TYPE_CHECKING:
    import napari.viewer


class MeasureDock(MeasurePanel):
    """The Measure panel of a viewer."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        context = prepare(viewer)
        super().__init__(viewer, context.session, context.measure, KEYS)
