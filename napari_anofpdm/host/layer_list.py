"""Keep layers that are not the user's out of napari's layer list."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListView

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_LIST = "QtLayerList"  # napari's class, which is not public


def keep_out_of_list(viewer: Viewer, hidden: Callable[[Layer], bool]) -> None:
    """Hide the rows of some layers, present and future; the layers stay in the viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    hidden : callable
        Whether a layer is left out of the list.
    """
    window = viewer.window.main_menu.window()
    assert window is not None
    lists = [each for each in window.findChildren(QListView) if type(each).__name__ == _LIST]

    def hide(_: object = None) -> None:
        for each in filter(isalive, lists):
            model = each.model()
            for row in range(0 if model is None else model.rowCount()):
                assert model is not None
                layer = model.index(row, 0).data(Qt.ItemDataRole.UserRole)
                each.setRowHidden(row, layer is not None and hidden(layer))

    for changed in (viewer.layers.events.inserted, viewer.layers.events.reordered):
        changed.connect(hide, position="last")
    hide()
