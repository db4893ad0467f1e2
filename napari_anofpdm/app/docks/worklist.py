"""The Worklist panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.shortcuts import KEYS
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.panels.worklist.panel import WorklistPanel

if TYPE_CHECKING:
    import napari.viewer


class WorklistDock(WorklistPanel):
    """The Worklist panel of a viewer."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(prepare(viewer).cases, KEYS)
