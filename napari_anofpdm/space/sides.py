"""The patient's sides at the edges of the canvas: the letters R, L, A, P, S, I."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_anofpdm.space.canvas_words import LETTERS, write_words
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.viewer import Viewer

OPPOSITE = {"S": "I", "I": "S", "A": "P", "P": "A", "L": "R", "R": "L"}


class Sides(NamedTuple):
    """The letter at each edge of the canvas; "" if the edge is not a side of the patient."""

    left: str = ""
    right: str = ""
    top: str = ""
    bottom: str = ""


def sides_in_view(viewer: Viewer) -> Sides:
    """Derive the patient's sides from the viewer's axes and camera.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its last three axes run toward S, P and L wherever a layer of this plugin is in it.

    Returns
    -------
    Sides
        All "" without such a layer, and in 3-D.
    """
    on_world = any(layer.axis_labels[-3:] == WORLD_AXES for layer in viewer.layers)
    if viewer.dims.ndisplay != 2 or not on_world:
        return Sides()
    first = viewer.dims.ndim - len(WORLD_AXES)
    down, right = (WORLD_AXES[k - first] if k >= first else "" for k in viewer.dims.displayed)
    vertical, horizontal = viewer.scene.camera.orientation2d
    left, right = OPPOSITE.get(right, ""), right
    top, bottom = OPPOSITE.get(down, ""), down
    if horizontal == "left":
        left, right = right, left
    if vertical == "up":
        top, bottom = bottom, top
    return Sides(left, right, top, bottom)


def show_sides(viewer: Viewer, sides: Sides) -> None:
    """Show letters at the edges of the canvas of a viewer."""
    write_words(viewer, {LETTERS[side]: letter for side, letter in sides._asdict().items()})


def mark_sides(viewer: Viewer) -> None:
    """Show the patient's sides at the edges of the canvas, and update them with the view.

    The marks are overlays of napari's canvas: they stay at its edges at any zoom, follow the theme
    and appear in every screenshot. A second call changes nothing.
    """
    if LETTERS["left"] in viewer.canvas.overlays:
        return

    def refresh(event: object = None) -> None:
        show_sides(viewer, sides_in_view(viewer))

    for changed in (viewer.dims.events.order, viewer.dims.events.ndisplay, viewer.dims.events.ndim):
        changed.connect(refresh)
    viewer.scene.camera.events.orientation.connect(refresh)
    viewer.layers.events.inserted.connect(refresh)
    viewer.layers.events.removed.connect(refresh)
    refresh()
