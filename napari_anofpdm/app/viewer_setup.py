"""Set up a viewer with its first scan: side marks, scale bar, shortcuts, brain window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.context import Context, context_of
from napari_anofpdm.app.shortcuts import bind_shortcuts, repeat_held_keys
from napari_anofpdm.host.layer_list import keep_out_of_list
from napari_anofpdm.layers.roles import is_mark
from napari_anofpdm.layers.windows import apply_window, is_scan
from napari_anofpdm.space.dark_canvas import keep_canvas_dark
from napari_anofpdm.space.layer_volume import lend_geometry
from napari_anofpdm.space.scale_bar import show_scale_bar
from napari_anofpdm.space.sides import mark_sides

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def prepare(viewer: Viewer) -> Context:
    """Return the context of a viewer that is set up for scans; a second call changes nothing.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    """
    context = context_of(viewer)
    if not context.is_set_up:
        context.is_set_up = True
        # napari gives plugins a proxy that is gone when they return.
        viewer = getattr(viewer, "__wrapped__", viewer)
        set_up_viewer(viewer)
        repeat_held_keys(viewer)
        keep_out_of_list(viewer, is_mark)
    return context


def set_up_viewer(viewer: Viewer) -> None:
    """Set up a viewer for scans, once.

    The sides are marked on the canvas, the scale bar shows mm, and the shortcuts are bound. Scans
    added later get the brain window. Labels that napari makes on a scan's grid get the scan's
    geometry, so that they can be saved and analysed like any other.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    """
    from napari.layers import Labels

    keep_canvas_dark(viewer)
    mark_sides(viewer)
    bind_shortcuts(viewer)
    show_scale_bar(viewer)

    def take_in(layer: Layer) -> None:
        if is_scan(layer) and "anofpdm_window" not in layer.metadata:
            apply_window(layer, "brain")
        if isinstance(layer, Labels):
            scans = (scan.metadata["volume"] for scan in viewer.layers if is_scan(scan))
            any(lend_geometry(layer, volume) for volume in scans)

    for layer in viewer.layers:
        take_in(layer)
    viewer.layers.events.inserted.connect(lambda event: take_in(event.value))
