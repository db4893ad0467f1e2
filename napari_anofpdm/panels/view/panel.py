"""`ViewPanel`: buttons to open scans and to choose plane and window."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QPushButton

from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.windows import WINDOWS, WindowName, set_window
from napari_anofpdm.space.views import PLANES, PlaneName, plane_in_view, show_plane

if TYPE_CHECKING:
    import napari.viewer

_PLANE_TIPS: dict[PlaneName, str] = {
    "axial": "Slices seen from the feet; the patient's left is on the right.",
    "coronal": "Slices seen from the front; the patient's left is on the right.",
    "sagittal": "Slices seen from the patient's left; the face points to the left.",
}


class ViewPanel(DockedPanel):
    """Buttons to choose planes and windows and to open files.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    keys : mapping of str to str
        The key of each action, for the tooltips.

    Attributes
    ----------
    scans_wanted, analysis_wanted : Signal()
        Emitted when the user wants to open files.
    shortcuts_wanted : Signal()
        Emitted when the user wants to see the table of keys.
    """

    scans_wanted = Signal()
    analysis_wanted = Signal()
    shortcuts_wanted = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._viewer, self._keys = viewer, keys
        self._make_controls()
        self._lay_out()
        camera, dims = viewer.scene.camera.events, viewer.dims.events
        changes = (dims.order, dims.ndisplay, dims.ndim, camera.orientation)
        listen(self, [(change, self._renew_plane) for change in changes])
        self._renew_plane()

    def _make_controls(self) -> None:
        self.open_scans = QPushButton("Scans…")
        self.open_scans.setToolTip(
            "Open NIfTI files (.nii, .nii.gz): scans as images, masks as labels."
        )
        self.open_scans.clicked.connect(self.scans_wanted)
        self.open_stored = QPushButton("Analysis…")
        self.open_stored.setToolTip("Open a stored analysis, a folder NAME.anofpdm.zarr.")
        self.open_stored.clicked.connect(self.analysis_wanted)
        self.planes: dict[PlaneName, QPushButton] = {}
        for name in PLANES:
            button = QPushButton(name.capitalize())
            button.setCheckable(True)
            button.setToolTip(f"{_PLANE_TIPS[name]} Key {self._keys[f'show_{name}']}.")
            button.clicked.connect(partial(self._show_plane, name))
            self.planes[name] = button
        self.windows: dict[WindowName, QPushButton] = {}
        for kind, window in WINDOWS.items():
            button = QPushButton(kind.capitalize())
            button.setToolTip(
                f"Show the selected scans, or all if none is selected, from black to white over "
                f"the {window.title}. Key {self._keys['next_window']} cycles through the windows."
            )
            button.clicked.connect(partial(set_window, self._viewer, kind))
            self.windows[kind] = button
        self.shortcuts = QPushButton("Shortcuts")
        self.shortcuts.setToolTip(
            f"Show all keyboard shortcuts. Key {self._keys['show_shortcuts']}."
        )
        self.shortcuts.clicked.connect(self.shortcuts_wanted)

    def _lay_out(self) -> None:
        rows: list[tuple[str, list[QPushButton]]] = [
            ("Open", [self.open_scans, self.open_stored]),
            ("Plane", list(self.planes.values())),
            ("Window", list(self.windows.values())),
            ("Help", [self.shortcuts]),
        ]
        form = QFormLayout(self)
        for title, buttons in rows:
            row = QHBoxLayout()
            for button in buttons:
                row.addWidget(button, 1)
            form.addRow(title, row)

    def _show_plane(self, name: PlaneName) -> None:
        show_plane(self._viewer, name)
        self._renew_plane()

    def _renew_plane(self) -> None:
        shown = plane_in_view(self._viewer)
        for name, button in self.planes.items():
            button.setChecked(name == shown)
