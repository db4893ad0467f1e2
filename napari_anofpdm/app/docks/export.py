"""The Export panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.context import context_of
from napari_anofpdm.panels.export.panel import ExportPanel

if TYPE_CHECKING:
    import napari.viewer


class ExportDock(ExportPanel):
    """The Export panel of a viewer."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        context = context_of(viewer)
        super().__init__(viewer, context.session, context.regions)
