"""The Curves panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.context import context_of
from napari_anofpdm.panels.curves.panel import CurvesPanel

if TYPE_CHECKING:
    import napari.viewer


class CurvesDock(CurvesPanel):
    """The Curves panel of a viewer."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, context_of(viewer).session)
