"""`AlignmentBox`: choose two scans and how they are laid on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QGroupBox,
    QLabel,
    QRadioButton,
    QSlider,
    QVBoxLayout,
)

from napari_anofpdm.widgets.boxes.layer_box import LayerBox
from napari_anofpdm.widgets.field import Field, wrapped_label
from napari_anofpdm.widgets.wheel_guard import WheelGuard

if TYPE_CHECKING:
    from napari.layers import Layer

_MODES = {
    "off": ("Off", "Show the scans as before."),
    "blend": ("Blend", "Lay the second scan over the first; the slider sets its share."),
    "checkerboard": (
        "Checkerboard",
        "Show tiles of both in turn, each from black to white; edges should run on from tile to\n"
        "tile. The slider sets the size of the tiles. The scans must lie on the same voxels.",
    ),
    "side_by_side": ("Side by side", "Show the second scan to the right of the first, linked."),
}
_TILE_MM = (5, 80)


class AlignmentBox(QGroupBox):
    """Emits what the user asks for; `app` shows it.

    Attributes
    ----------
    asked : Signal()
        The mode or a scan was chosen.
    share_moved, tile_moved : Signal(float)
        The share of the second scan, 0 to 1; the edge of the tiles in mm.
    mode : str
        "off", "blend", "checkerboard" or "side_by_side".
    """

    asked = Signal()
    share_moved = Signal(float)
    tile_moved = Signal(float)

    def __init__(self) -> None:
        super().__init__("Check the alignment")
        self.first_box, self.second_box = LayerBox("Choose a scan"), LayerBox("Choose a scan")
        self.first = Field("First", self.first_box, "The scan that kept its voxels.")
        self.second = Field("Second", self.second_box, "The scan that was registered onto it.")
        self.modes = {mode: QRadioButton(words) for mode, (words, _) in _MODES.items()}
        self._group = QButtonGroup(self)
        for mode, button in self.modes.items():
            button.setToolTip(_MODES[mode][1])
            self._group.addButton(button)
        self.modes["off"].setChecked(True)
        self.share = _slider(0, 100, 50, "Share of the second scan", "Share of the second scan.")
        self.tile = _slider(*_TILE_MM, 25, "Size of the tiles", "Edge of the tiles, in mm.")
        self.share_row, self.tile_row = self._row(self.share), self._row(self.tile)
        self.note = wrapped_label()
        self._lay_out()
        for box in (self.first_box, self.second_box):
            box.chosen.connect(self._on_choice)
        self._group.buttonClicked.connect(lambda _: self._on_choice())
        self.share.valueChanged.connect(lambda value: self.share_moved.emit(value / 100))
        self.tile.valueChanged.connect(lambda value: self.tile_moved.emit(float(value)))
        self.offer([])

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(self.first)
        column.addWidget(self.second)
        grid = QGridLayout()
        for place, button in enumerate(self.modes.values()):
            grid.addWidget(button, place // 2, place % 2)
        column.addLayout(grid)
        for row in (self.share_row, self.tile_row, self.note):
            column.addWidget(row)
        self._show_rows()

    def _row(self, slider: QSlider) -> Field:
        unit = "%" if slider is self.share else "mm"
        name = "Second" if slider is self.share else "Tiles"
        value = QLabel()
        value.setMinimumWidth(self.fontMetrics().horizontalAdvance("100 mm"))
        slider.valueChanged.connect(lambda number: value.setText(f"{number} {unit}"))
        value.setText(f"{slider.value()} {unit}")
        return Field(name, slider, slider.toolTip(), value)

    @property
    def mode(self) -> str:
        """How the scans are shown."""
        return next(mode for mode, button in self.modes.items() if button.isChecked())

    def offer(self, scans: Sequence[Layer]) -> None:
        """List scans; without two of them there is nothing to compare."""
        self.first_box.offer(scans, 0 if scans else None)
        self.second_box.offer(scans, len(scans) - 1 if len(scans) > 1 else None)
        self.setEnabled(len(scans) > 1)

    def choose(self, first: Layer, second: Layer) -> None:
        """Select two scans, without a change of the mode."""
        for box, layer in ((self.first_box, first), (self.second_box, second)):
            with QSignalBlocker(box):
                box.choose(layer)

    def show_mode(self, mode: str) -> None:
        """Show a mode that was not chosen here."""
        self.modes[mode].setChecked(True)
        self._show_rows()

    def _on_choice(self, _: object = None) -> None:
        first, second = self.first_box.layer, self.second_box.layer
        self.note.setText("Choose two different scans." if first == second else "")
        self._show_rows()
        self.asked.emit()

    def _show_rows(self) -> None:
        self.share_row.setVisible(self.mode == "blend")
        self.tile_row.setVisible(self.mode == "checkerboard")


def _slider(low: int, high: int, value: int, name: str, tooltip: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setValue(value)
    slider.setAccessibleName(name)
    slider.setToolTip(tooltip)
    slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    slider.installEventFilter(WheelGuard(slider))
    return slider
