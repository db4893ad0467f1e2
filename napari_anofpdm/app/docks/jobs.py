"""The Jobs panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.workspace import panel_named, show_panel
from napari_anofpdm.panels.jobs.panel import JobsPanel

if TYPE_CHECKING:
    import napari.viewer


class JobsDock(JobsPanel):
    """The Jobs panel of a viewer; it can pass a finished model to the Analyse panel."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        session = context_of(viewer).session

        def use(bundle: str) -> None:
            show_panel(viewer, panel_named("Analyse"))
            session.bundle_chosen.emit(bundle)

        self.model_wanted.connect(use)
