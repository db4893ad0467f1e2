"""The Explore panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.context import context_of
from napari_anofpdm.host.docked_panel import dock_of
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.explore.panel import ExplorePanel

if TYPE_CHECKING:
    import napari.viewer


class ExploreDock(ExplorePanel):
    """The Explore panel of a viewer; it comes to the front when a stored analysis was opened."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        context = context_of(viewer)
        self._cases = context.cases
        super().__init__(
            viewer,
            context.session,
            context.layers,
            context.look,
            context.tools,
            context.regions,
        )
        listen(self, [(context.opener.opened, self._on_opened)])

    def _on_opened(self) -> None:
        dock = dock_of(self)
        # Walking through a worklist leaves its panel in front, and training hides this one.
        if self._cases.index is None and dock is not None and not dock.isHidden():
            dock.raise_()
