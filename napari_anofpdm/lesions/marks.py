"""`LesionMarks`: numbers, outlines and colours of the lesions on the canvas."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.layers.shown_layers import ShownLayers
from napari_anofpdm.space.placement import WORLD_AXES, WORLD_UNITS, PlacedArray, place

if TYPE_CHECKING:
    from napari.layers import Labels, Points
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from anofpdm.results.lesions import Lesions
    from anofpdm.results.review.verdicts import ReviewedLesions
    from napari_anofpdm.session.session import Session

SELECTED, REJECTED = "#ffe14d", "#9a9a9a"
OWN_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#0072b2")
"""Of the lesions in turn; they can be told apart with any colour vision."""


class LesionMarks:
    """Two layers: the number of each lesion in the slice in view, and outlines.

    The selected lesion and the rejected ones have an outline; the others have one in a colour of
    their own where the session asks for it. The numbers are added with the first lesion, and the
    outlines while a lesion has one: napari draws a layer at each move, seen or not.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer, self._session = weakref.ref(viewer), session
        self._shown = ShownLayers(viewer, session)
        self._lesions: Lesions | None = None
        self._placed: PlacedArray | None = None
        self._offered = False
        self._painted: dict[int | None, str] = {}
        session.analysis_changed.connect(self._on_analysis)
        for changed in (session.native_changed, session.edited_changed, session.review_changed):
            changed.connect(self._update)
        for changed in (session.selected_changed, session.own_colours_changed):
            changed.connect(self._paint)
        for moved in (viewer.dims.events.point, viewer.dims.events.order):
            moved.connect(self._number)

    def number_at(self, position: Any) -> int | None:
        """Return the lesion at a point, whose last coordinates are S, P, L in mm."""
        if self._placed is None or len(position) < len(WORLD_AXES):
            return None
        voxel = self._voxel(np.asarray(position[-len(WORLD_AXES) :], dtype=np.float64))
        inside = (voxel >= 0).all() and (voxel < self._placed.data.shape).all()
        return int(self._placed.data[tuple(voxel)]) or None if inside else None

    def _voxel(self, world: NDArray[np.float64]) -> NDArray[np.intp]:
        assert self._placed is not None
        at = (world - np.array(self._placed.translate)) / np.array(self._placed.scale)
        voxel: NDArray[np.intp] = np.rint(at).astype(np.intp)
        return voxel

    def _on_analysis(self, _: object = None) -> None:
        self._shown.clear()
        self._lesions = self._placed = None
        self._offered, self._painted = False, {}
        self._update()

    def _update(self, _: object = None) -> None:
        analysis, shown = self._session.analysis, self._session.reviews.shown
        if analysis is None or shown is None:
            return
        if shown.lesions is not self._lesions:
            self._lesions = shown.lesions
            self._placed = place(analysis.geometry.as_volume(shown.lesions.labels))
            self._show_layers(self._placed)
        self._paint()
        self._number()

    def _show_layers(self, placed: PlacedArray) -> None:
        outlines = self._shown.layer("lesions")
        if outlines is not None:
            outlines.data = placed.data
        if not self._offered and placed.data.any():
            self._offered = True
            self._shown.show("numbers", _number_layer(placed))

    def _paint(self, _: object = None) -> None:
        from napari.utils import DirectLabelColormap

        shown = self._session.reviews.shown
        if self._placed is None or shown is None:
            return
        colours = self._colours(shown)
        if colours == self._painted:  # napari redraws all slices for a new colour map
            return
        self._painted = colours
        if set(colours.values()) == {"transparent"}:
            self._shown.remove("lesions")
            return
        outlines: Labels | Any = self._shown.layer("lesions")
        if outlines is None:
            outlines = _outline_layer(self._placed)
            outlines.colormap = DirectLabelColormap(color_dict=colours)
            self._shown.show("lesions", outlines, below="numbers")
        else:
            outlines.colormap = DirectLabelColormap(color_dict=colours)

    def _colours(self, shown: ReviewedLesions) -> dict[int | None, str]:
        colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
        for lesion in shown.lesions.table:
            number = lesion.number
            if number == self._session.reviews.selected:
                colours[number] = SELECTED
            elif shown.review.of(number).verdict == "rejected":
                colours[number] = REJECTED
            elif self._session.own_colours:
                colours[number] = OWN_COLOURS[(number - 1) % len(OWN_COLOURS)]
        return colours

    def _number(self, _: object = None) -> None:
        """Write the number of each lesion of the slice in view at its middle."""
        viewer, layer = self._viewer(), self._shown.layer("numbers")
        if viewer is None or layer is None or self._placed is None:
            return
        dims, first = viewer.dims, viewer.dims.ndim - len(WORLD_AXES)
        across = [axis - first for axis in dims.not_displayed if axis >= first]
        points: NDArray[np.float64] = np.zeros((0, 3))
        numbers: list[int] = []
        if dims.ndisplay == 2 and len(across) == 1:
            axis = across[0]
            at = int(self._voxel(np.array(dims.point[first:], dtype=np.float64))[axis])
            if 0 <= at < self._placed.data.shape[axis]:
                # A view: `take` would copy the whole volume, which is stored along other axes.
                middles = _middles(self._placed.data[(slice(None),) * axis + (at,)])
                numbers = list(middles)
                points = np.insert(np.array(list(middles.values())).reshape(-1, 2), axis, at, 1)
        points_layer: Points | Any = layer
        if len(points) or len(points_layer.data):
            points_layer.data = points
            points_layer.features = {"number": np.array(numbers, dtype=int)}


def _middles(plane: NDArray[np.integer]) -> dict[int, tuple[float, ...]]:
    """Return the voxel of each lesion that is nearest to its centre in a slice."""
    boxes = ndimage.find_objects(plane)
    found: dict[int, tuple[float, ...]] = {}
    for number, box in enumerate(boxes, start=1):
        if box is not None:
            inside = np.argwhere(plane[box] == number)
            nearest = inside[np.linalg.norm(inside - inside.mean(axis=0), axis=1).argmin()]
            found[number] = tuple(float(i + s.start) for i, s in zip(nearest, box, strict=True))
    return found


def _outline_layer(placed: PlacedArray) -> Labels:
    from napari.layers import Labels

    layer = Labels(
        placed.data,
        name="Lesion outlines",
        scale=placed.scale,
        translate=placed.translate,
        axis_labels=WORLD_AXES,
        units=WORLD_UNITS,
        opacity=1.0,
        metadata={ROLE: "lesions"},
    )
    layer.contour = 1
    layer.editable = False
    return layer


def _number_layer(placed: PlacedArray) -> Points:
    from napari.layers import Points

    layer = Points(
        np.zeros((0, 3)),
        ndim=3,
        features={"number": np.zeros(0, dtype=int)},
        text={"string": "{number}", "color": "white", "size": 11},
        name="Lesion numbers",
        scale=placed.scale,
        translate=placed.translate,
        axis_labels=WORLD_AXES,
        units=WORLD_UNITS,
        size=1,
        face_color="transparent",
        border_color="transparent",
        metadata={ROLE: "numbers"},
    )
    layer.editable = False
    return layer
