"""`ViewBar`: the toolbar over the canvas, to open scans and to choose planes, layout and window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QMenu, QPushButton, QToolBar

from napari_anofpdm.host.focus import show_focus
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.windows import WINDOWS, WindowName, set_window
from napari_anofpdm.measuring.tools import TOOLS
from napari_anofpdm.space.camera import fit_head
from napari_anofpdm.space.views import PLANES, PlaneName, plane_in_view

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from anofpdm.results.measuring.measurement import MeasurementKind
    from napari_anofpdm.measuring.tools import MeasureTools
    from napari_anofpdm.reading.layouts import LayoutName, Layouts

_PLANE_TIPS: dict[PlaneName, str] = {
    "axial": "Slices seen from the feet; the patient's left is on the right.",
    "coronal": "Slices seen from the front; the patient's left is on the right.",
    "sagittal": "Slices seen from the patient's left; the face points to the left.",
}
_LAYOUTS: dict[LayoutName, tuple[str, str, str]] = {
    "planes": (
        "3 planes",
        "Axial, coronal and sagittal slices through one point; click in one to move the others.",
        "toggle_planes",
    ),
    "side_by_side": (
        "Side by side",
        "The scan, its healthy prediction and the anomaly map, linked.",
        "toggle_side_by_side",
    ),
}


class ViewBar(QToolBar):
    """Buttons for what shows on the canvas.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    layouts : Layouts
    measure : MeasureTools
        The tools that draw rulers and regions.
    keys : mapping of str to str
        The key of each action, for the tooltips.

    Attributes
    ----------
    scans_wanted, analysis_wanted : Signal()
        Emitted when the user wants to open files.
    curves_wanted : Signal()
        Emitted to show or hide the curves.
    shortcuts_wanted : Signal()
        Emitted when the user wants to see the table of keys.
    explanation_wanted : Signal()
        Emitted when the user wants to know what the window shows.
    """

    scans_wanted = Signal()
    analysis_wanted = Signal()
    curves_wanted = Signal()
    shortcuts_wanted = Signal()
    explanation_wanted = Signal()

    def __init__(
        self, viewer: Viewer, layouts: Layouts, measure: MeasureTools, keys: Mapping[str, str]
    ) -> None:
        super().__init__("AnoFPDM")
        self.setObjectName("anofpdm view bar")
        self.setMovable(False)
        show_focus(self)
        self._viewer, self._layouts, self._keys = viewer, layouts, keys
        self._measure = measure
        self.planes: dict[PlaneName, QPushButton] = {}
        self.layouts: dict[LayoutName, QPushButton] = {}
        self.windows: dict[WindowName, QPushButton] = {}
        self.measures: dict[MeasurementKind, QPushButton] = {}
        self._add_files()
        self._add_views()
        self._add_windows()
        self._add_measures()
        self.curves = self._button(
            "Curves", "Show or hide the curves of the slice in view.", self.curves_wanted.emit
        )
        self.shortcuts = self._button(
            "Keys",
            f"Show all keys and what the mouse does. Key {keys['show_shortcuts']}.",
            self.shortcuts_wanted.emit,
        )
        self.explain = self._button(
            "What is this?",
            f"Explain each part of the window with a picture. Key {keys['explain']}.",
            self.explanation_wanted.emit,
        )
        camera, dims = viewer.scene.camera.events, viewer.dims.events
        changes = (dims.order, dims.ndisplay, dims.ndim, camera.orientation, layouts.changed)
        listen(self, [(change, self._renew) for change in changes])
        listen(self, [(measure.armed_changed, self._show_armed)])
        self._renew()

    def _add_files(self) -> None:
        self.open = QPushButton()
        self.open.setText("Open")
        self.open.setToolTip("Open scans, or a stored analysis.")
        menu = QMenu(self.open)
        for text, signal in (
            ("Scans…", self.scans_wanted),
            ("Stored analysis…", self.analysis_wanted),
        ):
            action = menu.addAction(text)
            assert action is not None
            action.triggered.connect(signal.emit)
        self.open.setMenu(menu)
        self.addWidget(self.open)
        self.addSeparator()

    def _add_views(self) -> None:
        for plane in PLANES:
            tip = f"{_PLANE_TIPS[plane]} Key {self._keys[f'show_{plane}']}."
            self.planes[plane] = self._button(
                plane.capitalize(), tip, partial(self._show_plane, plane), checkable=True
            )
        for name, (text, tip, action) in _LAYOUTS.items():
            self.layouts[name] = self._button(
                text,
                f"{tip} Key {self._keys[action]}.",
                partial(self._layouts.toggle, name),
                checkable=True,
            )
        self.surfaces = self._button(
            "3-D",
            f"Lesions and brain as surfaces beside the three planes. "
            f"Key {self._keys['toggle_surfaces']}.",
            self._layouts.toggle_surfaces,
        )
        self.fit = self._button("Fit", "Fit the head into the canvas.", self._fit)
        self.addSeparator()

    def _add_windows(self) -> None:
        self.addWidget(QLabel(" Window "))
        for kind, window in WINDOWS.items():
            tip = (
                f"Show the selected scans, or all if none is selected, from black to white over "
                f"the {window.title}. Key {self._keys['next_window']} cycles through the windows."
            )
            self.windows[kind] = self._button(
                kind.capitalize(), tip, partial(set_window, self._viewer, kind)
            )
        self.addSeparator()

    def _add_measures(self) -> None:
        for kind, tool in TOOLS.items():
            self.measures[kind] = self._button(
                tool.title,
                f"{tool.tip} Key {self._keys[tool.action]}.",
                partial(self._measure.toggle, kind),
                checkable=True,
            )
        self.addSeparator()

    def _show_armed(self, tool: MeasurementKind | None) -> None:
        for kind, button in self.measures.items():
            button.setChecked(kind == tool)

    def _button(
        self, text: str, tip: str, clicked: Callable[[], object], *, checkable: bool = False
    ) -> QPushButton:
        button = QPushButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setCheckable(checkable)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the canvas
        button.clicked.connect(lambda: clicked())
        self.addWidget(button)
        return button

    def _show_plane(self, name: PlaneName) -> None:
        self._layouts.show_plane(name)
        self._renew()

    def _fit(self) -> None:
        shown = self._layouts.shown
        fit_head(self._viewer, *(view.model for view in (shown.views if shown else ())))

    def _renew(self, _: object = None) -> None:
        plane = None if self._layouts.name == "planes" else plane_in_view(self._viewer)
        for name, button in self.planes.items():
            button.setChecked(name == plane)
        for layout, button in self.layouts.items():
            button.setChecked(layout == self._layouts.name)
