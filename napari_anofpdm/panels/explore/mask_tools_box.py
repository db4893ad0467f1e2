"""`MaskToolsBox`: the buttons that correct the mask by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QDoubleSpinBox, QGridLayout, QGroupBox, QPushButton

from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.lesions.mask_tools import RADII_MM, ClickTool, MaskTools

if TYPE_CHECKING:
    from napari_anofpdm.session.session import Session

_COLUMNS = 4


class MaskToolsBox(QGroupBox):
    """One button for each of the `MaskTools`, and the radius of *Add*.

    Parameters
    ----------
    session : Session
    tools : MaskTools
    """

    def __init__(self, session: Session, tools: MaskTools) -> None:
        super().__init__("Correct the mask")
        self._session, self._tools = session, tools
        self.add = _button(
            "Add",
            "Click in the canvas to add the lesion there (F4). It grows from the click to where\n"
            "scan or map change, within the radius. Shift and the wheel change the radius.",
        )
        self.remove = _button("Remove", "Click on a lesion in the canvas to remove it (F6).")
        self.radius = QDoubleSpinBox()
        self.radius.setRange(*RADII_MM)
        self.radius.setDecimals(0)
        self.radius.setSuffix(" mm")
        self.radius.setValue(tools.radius_mm)
        self.radius.setAccessibleName("Radius of Add")
        self.radius.setToolTip("How far an added lesion may reach from the click.")
        selected = "the selected lesion, or the whole mask,"
        corrections = {
            "Grow": (tools.grow, f"Grow {selected} by one voxel (F7)."),
            "Shrink": (tools.shrink, f"Shrink {selected} by one voxel (F8)."),
            "Smooth": (tools.smooth, f"Smooth the border of {selected}."),
            "Interpolate": (
                tools.interpolate,
                "Fill the empty slices between painted ones, across the plane in view (F9).",
            ),
            "In brain": (tools.keep_in_brain, "Remove what lies outside the brain."),
            "Undo": (tools.undo, "Take back the last change of the mask (Ctrl+Z)."),
            "Redo": (tools.redo, "Make the change again that was taken back last."),
        }
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 4, 4, 4)
        for tool, button in (("add", self.add), ("remove", self.remove)):
            button.setCheckable(True)
            button.clicked.connect(lambda on, tool=tool: self._arm(tool, on))
        self.buttons: dict[str, QPushButton] = {}
        for title, (action, tooltip) in corrections.items():
            self.buttons[title] = _button(title, tooltip)
            self.buttons[title].clicked.connect(lambda _=False, action=action: action())
        widgets = (self.add, self.radius, self.remove, *self.buttons.values())
        for place, widget in enumerate(widgets):
            grid.addWidget(widget, place // _COLUMNS, place % _COLUMNS)
        self.radius.valueChanged.connect(tools.set_radius)
        listen(
            self,
            [
                (tools.armed_changed, self._show_armed),
                (tools.radius_changed, self._show_radius),
                (session.analysis_changed, self._show_available),
                (session.slices_done, self._show_available),
            ],
        )
        self._show_available()

    def _arm(self, tool: ClickTool, on: bool) -> None:
        self._tools.arm(tool if on else None)

    def _show_armed(self, tool: ClickTool | None) -> None:
        self.add.setChecked(tool == "add")
        self.remove.setChecked(tool == "remove")

    def _show_radius(self, radius_mm: float) -> None:
        with QSignalBlocker(self.radius):
            self.radius.setValue(radius_mm)

    def _show_available(self, _: object = None) -> None:
        self.setEnabled(bool(self._session.done))


def _button(title: str, tooltip: str) -> QPushButton:
    button = QPushButton(title)
    button.setToolTip(tooltip)
    return button
