"""The toolbars over and under a viewer's canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt

from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.shortcuts import KEYS, explain, show_shortcuts
from napari_anofpdm.io.open_action import open_analysis, open_files
from napari_anofpdm.reading.bars.point_bar import PointBar
from napari_anofpdm.reading.bars.view_bar import ViewBar
from napari_anofpdm.reading.central import main_window

if TYPE_CHECKING:
    import napari.viewer


def show_bars(viewer: napari.viewer.Viewer, curves: Callable[[], None]) -> ViewBar:
    """Show the toolbars of a viewer, made on first use.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    curves : callable
        Shows or hides the curves.

    Returns
    -------
    ViewBar
        The one over the canvas.
    """
    window = main_window(viewer)
    bars = window.findChildren(ViewBar)
    if bars:
        for each in (*bars, *window.findChildren(PointBar)):
            each.show()
        return bars[0]
    context = context_of(viewer)
    bar = ViewBar(viewer, context.layouts, context.measure, KEYS)
    bar.scans_wanted.connect(lambda: open_files(viewer))
    bar.analysis_wanted.connect(lambda: open_analysis(viewer))
    bar.shortcuts_wanted.connect(lambda: show_shortcuts(viewer))
    bar.explanation_wanted.connect(lambda: explain(viewer))
    bar.curves_wanted.connect(curves)
    window.addToolBar(Qt.ToolBarArea.TopToolBarArea, bar)
    point = PointBar(viewer, context.session, context.layouts, context.layers.steps.blend, KEYS)
    window.addToolBar(Qt.ToolBarArea.BottomToolBarArea, point)
    return bar
