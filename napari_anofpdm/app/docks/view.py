"""The View panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.shortcuts import KEYS, show_shortcuts
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.io.open_action import open_analysis, open_files
from napari_anofpdm.panels.view.panel import ViewPanel

if TYPE_CHECKING:
    import napari.viewer


class ViewDock(ViewPanel):
    """The View panel of a viewer; it also sets up side marks, scale bar and keys."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        prepare(viewer)
        super().__init__(viewer, KEYS)
        self.scans_wanted.connect(lambda: open_files(viewer))
        self.analysis_wanted.connect(lambda: open_analysis(viewer))
        self.shortcuts_wanted.connect(lambda: show_shortcuts(viewer))
