"""The three planes of a scan: axial, coronal, sagittal, each in radiological convention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_anofpdm.space.camera import fit_head
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    import napari.viewer

PlaneName = Literal["axial", "coronal", "sagittal"]


@dataclass(frozen=True)
class Plane:
    """Orientation of a plane on the canvas.

    Attributes
    ----------
    through, rows, columns : {"S", "P", "L"}
        World axis of the slider, down the canvas, and across it.
    vertical : {"down", "up"}
        Direction in which the row axis grows; with "up" superior is at the top.
    """

    through: str
    rows: str
    columns: str
    vertical: Literal["down", "up"]


PLANES: dict[PlaneName, Plane] = {
    "axial": Plane("S", "P", "L", "down"),
    "coronal": Plane("P", "S", "L", "up"),
    "sagittal": Plane("L", "S", "P", "up"),
}
"""The patient's left is on the right of the picture, anterior at the top or on the left."""


def show_plane(viewer: napari.viewer.Viewer, name: PlaneName) -> None:
    """Show the slice of a plane at the point in view, and fit the head into the canvas.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        A viewer with fewer than three axes is left unchanged.
    name : {"axial", "coronal", "sagittal"}
    """
    if turn_to(viewer, name) and not fit_head(viewer):
        viewer.reset_view()


def turn_to(viewer: napari.viewer.Viewer, name: PlaneName) -> bool:
    """Show the slice of a plane at the point in view, at the zoom in use.

    Returns
    -------
    bool
        False where the viewer has fewer than three axes; it is left unchanged then.
    """
    first = viewer.dims.ndim - len(WORLD_AXES)
    if first < 0:
        return False
    plane = PLANES[name]
    world = [first + WORLD_AXES.index(a) for a in (plane.through, plane.rows, plane.columns)]
    viewer.dims.ndisplay = 2
    viewer.dims.order = (*range(first), *world)
    viewer.scene.camera.orientation2d = (plane.vertical, "right")
    return True


def show_axial(viewer: napari.viewer.Viewer) -> None:
    """Look from the feet: anterior at the top, the patient's left on the right."""
    show_plane(viewer, "axial")


def show_coronal(viewer: napari.viewer.Viewer) -> None:
    """Look from the front: superior at the top, the patient's left on the right."""
    show_plane(viewer, "coronal")


def show_sagittal(viewer: napari.viewer.Viewer) -> None:
    """Look from the patient's left: superior at the top, anterior on the left."""
    show_plane(viewer, "sagittal")


def plane_in_view(viewer: napari.viewer.Viewer) -> PlaneName | None:
    """Return the plane that is shown in the layout of `show_plane`, or None."""
    first = viewer.dims.ndim - len(WORLD_AXES)
    if first < 0 or viewer.dims.ndisplay != 2:
        return None
    for name, plane in PLANES.items():
        shown = [first + WORLD_AXES.index(axis) for axis in (plane.rows, plane.columns)]
        upright = viewer.scene.camera.orientation2d == (plane.vertical, "right")
        if list(viewer.dims.displayed) == shown and upright:
            return name
    return None
