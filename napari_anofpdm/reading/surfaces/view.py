"""`SurfaceView`: lesions and brain as surfaces, seen from any side."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.compat import isalive
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.lesions.marks import OWN_COLOURS, REJECTED, SELECTED
from napari_anofpdm.lesions.walking import go_to_lesion
from napari_anofpdm.reading.hands import STILL_PX
from napari_anofpdm.reading.surfaces.bodies import Bodies
from napari_anofpdm.space.dark_canvas import keep_canvas_dark
from napari_anofpdm.space.placement import WORLD_AXES, scan_point
from napari_anofpdm.space.sides import OPPOSITE, Sides, show_sides
from napari_anofpdm.space.title import set_title

if TYPE_CHECKING:
    from napari.layers import Surface as SurfaceLayer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from anofpdm.results.pictures.surfaces import Surface
    from napari_anofpdm.session.session import Session

NOTHING_YET = "3-D: no result yet"
_BRAIN_COLOUR, _BRAIN_OPACITY = (0.75, 0.75, 0.75, 1.0), 0.4
_POINT_MM = 4.0
_MARK_MS = 60
_AXES = ("S", "A", "L")
"""Of the canvas. In 3-D napari would draw S, P, L, the axes of the planes, as in a mirror."""
_RAS_TO_AXES = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
# Where the eye looks to, and what is up, along these axes.
_SIDES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "Front": ((0, -1, 0), (1, 0, 0)),
    "Left": ((0, 0, -1), (1, 0, 0)),
    "Right": ((0, 0, 1), (1, 0, 0)),
    "Back": ((0, 1, 0), (1, 0, 0)),
    "Top": ((-1, 0, 0), (0, 1, 0)),
}
_TIPS = {
    "Front": "Seen from the front: the patient's left is on the right.",
    "Left": "Seen from the patient's left.",
    "Right": "Seen from the patient's right.",
    "Back": "Seen from behind: the patient's left is on the left.",
    "Top": "Seen from above: the face is up, the patient's left is on the left.",
}


class SurfaceView(QWidget):
    """A canvas with the surfaces of the analysis in view; its canvas is made when first shown.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its point in view is marked.
    session : Session

    Attributes
    ----------
    bodies : Bodies
    model : napari.components.ViewerModel or None
    canvas : napari.qt.QtViewer or None
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._main = weakref.ref(viewer)
        self._session = session
        self.bodies = Bodies(session)
        self.model: ViewerModel | None = None
        self.canvas: QtViewer | None = None
        self._fitted: tuple[object, bool] = (None, False)
        # The planes are drawn before the surfaces.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_MARK_MS)
        self._soon.timeout.connect(self._mark)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addLayout(self._buttons())
        self._heard: list[tuple[Any, Callable[..., None]]] = [
            (self.bodies.changed, self._draw),
            (session.selected_changed, self._paint),
            (session.review_changed, self._paint),
            (session.closed, self._leave),
            (viewer.dims.events.point, self._mark_soon),
        ]
        for signal, method in self._heard:
            signal.connect(method)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        self.sides: dict[str, QPushButton] = {}
        for name in _SIDES:
            button = QPushButton(name)
            button.setToolTip(_TIPS[name])
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, name=name: self.look_from(name))
            row.addWidget(button)
            self.sides[name] = button
        self.brain = QPushButton("Brain")
        self.brain.setCheckable(True)
        self.brain.setChecked(True)
        self.brain.setToolTip("Show or hide the surface of the brain.")
        self.brain.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.brain.toggled.connect(self._show_brain)
        row.addWidget(self.brain)
        row.addStretch(1)
        return row

    def look_from(self, side: str) -> None:
        """Turn the eye to a side: Front, Left, Right, Back or Top."""
        if self.model is None:
            return
        toward, up = _SIDES[side]
        self.model.reset_view()
        self.model.scene.camera.set_view_direction(toward, up)
        self._name_sides()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Make the canvas, and ask for the surfaces."""
        super().showEvent(event)
        if self.canvas is None and not self._session.is_closed:
            self._make_canvas()
        self.bodies.want(True)
        self._mark()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - Qt's name
        """Let the surfaces rest."""
        super().hideEvent(event)
        self.bodies.want(False)

    def _make_canvas(self) -> None:
        main = self._main()
        if main is None:
            return
        self.model = ViewerModel(ndisplay=3)
        self.model.theme = main.theme
        self.canvas = QtViewer(self.model)
        self.canvas.dims.hide()
        keep_canvas_dark(self.model)
        self.model.mouse_drag_callbacks.append(_on_click(self))
        self.model.scene.camera.events.angles.connect(self._name_sides)
        self._layout.addWidget(self.canvas, 1)
        self._draw()

    def _draw(self) -> None:
        """Show the surfaces as they are now."""
        model, bodies = self.model, self.bodies
        if model is None:
            return
        for name, surface in (("lesions", bodies.lesions), ("brain", bodies.brain)):
            layer = next((each for each in model.layers if each.name == name), None)
            if layer is not None and layer.metadata["surface"] is not surface:
                # Vertices and their colours change together, which napari's layers cannot.
                model.layers.remove(layer)
                layer = None
            if layer is None and surface is not None and len(surface.triangles):
                # Over the brain, and under the point in view.
                place = int(name == "lesions" and "brain" in model.layers)
                model.layers.insert(place, self._layer(name, surface))
        model.layers.selection.clear()
        empty = bodies.lesions is None and bodies.brain is None
        set_title(model, NOTHING_YET if empty else "3-D")
        self._fit()
        self._mark()

    def _fit(self) -> None:
        """Fit what is new into the canvas: an analysis, and its brain when that comes."""
        bodies = self.bodies
        fitted = (bodies.analysis, bodies.brain is not None)
        if bodies.lesions is None and bodies.brain is None:
            self._fitted = (None, False)
        elif fitted != self._fitted and self.model is not None:
            is_new = self._fitted[0] is not bodies.analysis
            self._fitted = fitted
            if is_new:
                self.look_from("Front")
            else:
                self.model.reset_view(reset_camera_angle=False)

    def _layer(self, name: str, surface: Surface) -> SurfaceLayer:
        from napari.layers import Surface as SurfaceLayer

        brain = name == "brain"
        return SurfaceLayer(
            _data(surface),
            vertex_colors=self._colours(surface, name),
            name=name,
            shading="smooth",
            opacity=_BRAIN_OPACITY if brain else 1.0,
            # What lies within shows through, whatever the order of the triangles.
            blending="translucent_no_depth" if brain else "opaque",
            visible=self.brain.isChecked() or not brain,
            axis_labels=_AXES,
            metadata={"surface": surface},
        )

    def _colours(self, surface: Surface, name: str) -> NDArray[np.float32]:
        if name == "brain":
            return np.tile(np.array(_BRAIN_COLOUR, np.float32), (len(surface.vertices), 1))
        reviews, most = self._session.reviews, int(surface.labels.max(initial=0))
        table = np.zeros((most + 1, 4), dtype=np.float32)
        for number in range(1, most + 1):
            colour = OWN_COLOURS[(number - 1) % len(OWN_COLOURS)]
            if number == reviews.selected:
                colour = SELECTED
            elif number in reviews.rejected:
                colour = REJECTED
            table[number] = _rgba(colour)
        return table[surface.labels]

    def _paint(self, _: object = None) -> None:
        """Colour the lesions anew."""
        if self.model is not None and "lesions" in self.model.layers:
            layer = self.model.layers["lesions"]
            layer.vertex_colors = self._colours(layer.metadata["surface"], "lesions")

    def _go_to_lesion_at(self, event: Any) -> None:
        main, number = self._main(), self._lesion_at(event)
        if number is not None and main is not None:
            go_to_lesion(main, self._session, number)

    def _lesion_at(self, event: Any) -> int | None:
        """Return the lesion that is nearest to the eye at the pointer."""
        if self.model is None or "lesions" not in self.model.layers:
            return None
        layer = self.model.layers["lesions"]
        found = layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=list(event.dims_displayed),
            world=True,
        )
        triangle = None if found is None else found[1]
        surface: Surface = layer.metadata["surface"]
        return None if triangle is None else int(surface.labels[surface.triangles[triangle, 0]])

    def _show_brain(self, shown: bool) -> None:
        if self.model is not None and "brain" in self.model.layers:
            self.model.layers["brain"].visible = shown

    def _mark_soon(self, _: object = None) -> None:
        if self.isVisible():
            self._soon.start()

    def _mark(self, _: object = None) -> None:
        """Mark the point in view of the planes."""
        main, model, analysis = self._main(), self.model, self.bodies.analysis
        if main is None or model is None or analysis is None or not self.isVisible():
            return
        if not len(model.layers) or main.dims.ndim < len(WORLD_AXES):
            return
        world = np.array(main.dims.point[-len(WORLD_AXES) :], dtype=np.float64)
        at = _RAS_TO_AXES @ scan_point(analysis.geometry, world)
        if "point" in model.layers:
            model.layers["point"].data = at[None]
        else:
            from napari.layers import Points

            model.layers.append(
                Points(
                    at[None],
                    name="point",
                    size=_POINT_MM,
                    face_color="white",
                    border_color="black",
                    shading="spherical",
                    axis_labels=_AXES,
                )
            )
            model.layers.selection.clear()

    def _name_sides(self, _: object = None) -> None:
        """Show the patient's side that each edge is nearest to."""
        if self.model is None:
            return
        camera = self.model.scene.camera
        toward, up = (
            _RAS_TO_AXES.T @ np.array(each) for each in (camera.view_direction, camera.up_direction)
        )
        right, top = _letters(np.cross(toward, up)), _letters(up)
        show_sides(self.model, Sides(right[1], right[0], top[0], top[1]))

    def _leave(self) -> None:
        """Let go of a viewer whose window is gone."""
        for signal, method in self._heard:
            signal.disconnect(method)
        self._heard = []
        canvas, model = self.canvas, self.model
        self.canvas = self.model = None
        # A window that is going has taken the canvas apart, and vispy would keep its error.
        if canvas is not None and isalive(canvas) and isalive(canvas.canvas.native):
            if model is not None:
                model.layers.clear()
            canvas.close()


def _on_click(view: SurfaceView) -> Callable[[Any, Any], Generator[None]]:
    """Return what goes to the lesion under the pointer; a drag turns the picture instead."""
    mine = weakref.ref(view)  # the canvas, which the view holds, keeps it

    def click(_: Any, event: Any) -> Generator[None]:
        start = np.asarray(event.pos)
        yield
        while event.type == "mouse_move":
            if np.abs(np.asarray(event.pos) - start).max() > STILL_PX:
                return
            yield
        own = mine()
        if own is not None:
            own._go_to_lesion_at(event)

    return click


def _data(surface: Surface) -> tuple[NDArray[Any], NDArray[Any]]:
    """Vertices along `_AXES`, and triangles."""
    return (surface.vertices @ _RAS_TO_AXES.T).astype(np.float32), surface.triangles


def _letters(direction: NDArray[np.float64]) -> tuple[str, str]:
    """Return the side of the patient that a direction in RAS is nearest to, and the other side."""
    axis = int(np.abs(direction).argmax())
    positive = "RAS"[axis]
    pair = positive, OPPOSITE[positive]
    return pair if direction[axis] > 0 else (pair[1], pair[0])


def _rgba(colour: str) -> tuple[float, ...]:
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue, 1.0
