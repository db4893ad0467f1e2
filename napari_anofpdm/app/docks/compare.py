"""The Compare panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.context import context_of
from napari_anofpdm.io.open_action import open_comparison, open_files
from napari_anofpdm.panels.compare.panel import ComparePanel

if TYPE_CHECKING:
    import napari.viewer


class CompareDock(ComparePanel):
    """The Compare panel of a viewer."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        context = context_of(viewer)
        super().__init__(
            viewer,
            context.session,
            context.comparison,
            context.compare_run,
            context.compared,
            context.layouts,
        )
        self.scans_wanted.connect(lambda: open_files(viewer))
        self.result_wanted.connect(lambda: open_comparison(viewer))
