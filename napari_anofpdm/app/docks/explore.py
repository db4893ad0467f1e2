"""The Explore panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.context import context_of
from napari_anofpdm.panels.explore.panel import ExplorePanel

if TYPE_CHECKING:
    import napari.viewer


class ExploreDock(ExplorePanel):
    """The Explore panel of a viewer."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        context = context_of(viewer)
        super().__init__(
            viewer,
            context.session,
            context.layers,
            context.look,
            context.tools,
            context.regions,
        )
