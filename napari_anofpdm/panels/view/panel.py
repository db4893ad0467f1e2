"""`ViewPanel`: open scans, choose plane and window, without knowing a key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QPushButton

from napari_anofpdm.app.shortcuts import key_of, show_shortcuts
from napari_anofpdm.app.viewer_setup import set_up_viewer
from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.io.open_action import open_analysis, open_files
from napari_anofpdm.layers.windows import WINDOWS, WindowName, set_window
from napari_anofpdm.space.views import PLANES, PlaneName, plane_in_view, show_plane

if TYPE_CHECKING:
    import napari.viewer

_PLANE_TIPS: dict[PlaneName, str] = {
    "axial": "Slices from the feet upward; the patient's left is on the right.",
    "coronal": "Slices seen from the front; the patient's left is on the right.",
    "sagittal": "Slices seen from the patient's left; the face looks to the left.",
}


class ViewPanel(DockedPanel):
    """Buttons for what `open_action`, `views` and `windows` do.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Gets side marks, scale bar and shortcuts when the panel opens.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        set_up_viewer(viewer)
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
        self.open_scans.clicked.connect(lambda: open_files(self._viewer))
        self.open_stored = QPushButton("Analysis…")
        self.open_stored.setToolTip("Open a stored analysis, a folder NAME.anofpdm.zarr.")
        self.open_stored.clicked.connect(lambda: open_analysis(self._viewer))
        self.planes: dict[PlaneName, QPushButton] = {}
        for name in PLANES:
            button = QPushButton(name.capitalize())
            button.setCheckable(True)
            button.setToolTip(f"{_PLANE_TIPS[name]} Key {key_of(f'show_{name}')}.")
            button.clicked.connect(partial(self._show_plane, name))
            self.planes[name] = button
        self.windows: dict[WindowName, QPushButton] = {}
        for kind, window in WINDOWS.items():
            button = QPushButton(kind.capitalize())
            button.setToolTip(
                f"Draw the selected scans, or all where none is selected, from black to white over "
                f"the {window.title}. Key {key_of('next_window')} walks through the three."
            )
            button.clicked.connect(partial(set_window, self._viewer, kind))
            self.windows[kind] = button
        self.shortcuts = QPushButton("Shortcuts")
        self.shortcuts.setToolTip(f"The table of keys. Key {key_of('show_shortcuts')}.")
        self.shortcuts.clicked.connect(lambda: show_shortcuts(self._viewer))

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
