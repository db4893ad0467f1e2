"""What a viewer gets with its first scan: side marks, scale bar, shortcuts, a good window."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np

from napari_anofpdm.shortcuts import bind_shortcuts
from napari_anofpdm.sides import mark_sides
from napari_anofpdm.windows import apply_window, is_scan

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_set_up: WeakSet[Viewer] = WeakSet()


def set_up_viewer(viewer: Viewer) -> None:
    """Prepare a viewer for scans; a second call changes nothing.

    The sides are marked on the canvas, the scale bar shows mm, the shortcuts are bound. Scans that
    come later get the window of the brain, and labels that napari makes on a scan's grid get the
    scan's geometry, so that they can be saved and analysed like any other.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    """
    real = getattr(viewer, "__wrapped__", viewer)
    if real in _set_up:
        return
    _set_up.add(real)
    mark_sides(viewer)
    bind_shortcuts(viewer)
    viewer.canvas.overlays.scale_bar.visible = True

    def take_in(layer: Layer) -> None:
        if is_scan(layer) and "anofpdm_window" not in layer.metadata:
            apply_window(layer, "brain")
        lend_geometry(layer, list(viewer.layers))

    for layer in viewer.layers:
        take_in(layer)
    viewer.layers.events.inserted.connect(lambda event: take_in(event.value))


def set_up_current_viewer(*, with_session: bool = False) -> None:
    """Prepare the viewer that layers are about to enter, where there is one.

    Parameters
    ----------
    with_session : bool
        Make its session, too, which takes up an analysis from the layers.
    """
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return
    set_up_viewer(viewer)
    if with_session:
        from napari_anofpdm.session import session_of

        session_of(viewer)


def lend_geometry(layer: Layer, others: list[Layer]) -> None:
    """Give a labels layer without an affine that of the scan on whose voxels it stands.

    Parameters
    ----------
    layer : napari.layers.Layer
        For instance one that napari's own button has just made.
    others : list of napari.layers.Layer
        Where the scan is looked for.
    """
    from napari.layers import Labels

    if not isinstance(layer, Labels) or "affine" in layer.metadata:
        return
    for scan in others:
        if is_scan(scan) and _same_voxels(layer, scan):
            lent = {key: scan.metadata[key] for key in ("affine", "volume")}
            layer.metadata = layer.metadata | lent
            return


def _same_voxels(first: Layer, second: Layer) -> bool:
    return (
        first.data.shape == second.data.shape
        and np.allclose(first.scale, second.scale)
        and np.allclose(first.translate, second.translate)
    )
