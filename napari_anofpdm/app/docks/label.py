"""The Label panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.shortcuts import KEYS
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.panels.label.panel import LabelPanel

if TYPE_CHECKING:
    import napari.viewer


class LabelDock(LabelPanel):
    """The Label panel of a viewer; it also sets up side marks, scale bar and keys."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, prepare(viewer).labelling, KEYS)
