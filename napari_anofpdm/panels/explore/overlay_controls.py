"""`OverlayControls`: how map and mask are drawn over the scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)

from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.widgets.accessible import name_control
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.wheel_guard import WheelGuard

if TYPE_CHECKING:
    from napari_anofpdm.layers.overlay_look import OverlayLook

_COLOUR_MAPS = {
    "inferno": ("Inferno", "Black, red, yellow; even for any colour vision."),
    "viridis": ("Viridis", "Violet, green, yellow; even for any colour vision."),
    "cividis": ("Cividis", "Blue to yellow; the same with and without red-green vision."),
    "magma": ("Magma", "Black, violet, cream; even for any colour vision."),
    "gray": ("Grey", "Black to white."),
}
_STYLES = {
    "contour": ("Contour", "A line around the mask."),
    "fill": ("Fill", "The whole mask in its colour."),
}
_COLOURS = {
    "#2dd4ff": ("Sky blue", "As at first."),
    "#e69f00": ("Orange", "Can be told from the others with any colour vision."),
    "#009e73": ("Green", "A bluish green that can be told from orange with any colour vision."),
    "#ffffff": ("White", "For a mask on a colourful map."),
}
_MOST = 1e6
_FIELD_PX = 56
_LETTERS = 5  # of a list's entry that must be seen


class OverlayControls(QGroupBox):
    """Controls for the look of map and mask; the settings of napari keep what is chosen.

    Parameters
    ----------
    look : OverlayLook
    """

    def __init__(self, look: OverlayLook) -> None:
        super().__init__("Map and mask on the scan")
        self._look = look
        self.map = QCheckBox("Map")
        self.map.setToolTip("Show the anomaly map.")
        self.bar = QCheckBox("Colour bar")
        self.bar.setToolTip("Show the values of the map's colours on the canvas.")
        self.opacity = _percent("How much the map covers the scan.")
        self.colours = ChoiceBox(_COLOUR_MAPS)
        self.colours.setToolTip("The colours of the map; its low values are transparent.")
        self.low = _limit("The value of the map from which it has a colour.")
        self.high = _limit("The value of the map with the brightest colour.")
        self.automatic = QCheckBox("Auto")
        self.automatic.setToolTip("Fit the colours to the map of each scan.")
        self.mask_style = ChoiceBox(_STYLES)
        self.mask_style.setToolTip(
            "How the mask is drawn. A mask that you edit is filled, so that strokes can be seen."
        )
        self.mask_opacity = _percent("How much the mask covers the scan.")
        self.mask_colour = ChoiceBox(_COLOURS)
        self.mask_colour.setToolTip("The colour of the mask.")
        self.smooth = QCheckBox("Smooth")
        self.smooth.setToolTip(
            "In three planes, smooth scan and masks between slices that are at least three times "
            "as thick as their pixels are wide. Measures and files are those of the voxels, which "
            "all other views show."
        )
        self.smooth.setAccessibleName("Smooth thick slices")
        self.reset = QPushButton("Reset")
        self.reset.setToolTip("Draw map and mask as at first.")
        for box in (self.mask_style, self.mask_colour):
            box.setMinimumContentsLength(_LETTERS)
        self._lay_out()
        self._connect()
        listen(self, [(look.changed, self._show)])
        self._show()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 4, 4, 4)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        lines: tuple[tuple[str, tuple[QWidget, ...]], ...] = (
            ("Show", (self.map, self.bar)),
            ("Opacity", (self.opacity,)),
            ("Colours", (self.colours,)),
            ("Range", (self.low, self.high, self.automatic)),
            ("Mask", (self.mask_style, self.mask_colour)),
            ("Opacity", (self.mask_opacity, self.reset)),
            ("Thick slices", (self.smooth,)),
        )
        for row, (title, widgets) in enumerate(lines):
            grid.addWidget(QLabel(title), row, 0)
            line = QHBoxLayout()
            part = "mask" if self.mask_opacity in widgets else "map"
            for widget in widgets:
                name_control(widget, f"{title} of the {part}")
                line.addWidget(widget)
            grid.addLayout(line, row, 1)

    def _connect(self) -> None:
        look = self._look
        self.map.toggled.connect(look.show_map)
        self.bar.toggled.connect(lambda on: look.choose(colour_bar=on))
        self.opacity.valueChanged.connect(lambda x: look.choose(map_opacity=x / 100))
        self.colours.chosen.connect(lambda key: look.choose(colour_map=key))
        self.low.valueChanged.connect(self._choose_limits)
        self.high.valueChanged.connect(self._choose_limits)
        self.automatic.toggled.connect(self._choose_limits)
        self.mask_style.chosen.connect(lambda key: look.choose(mask_style=key))
        self.mask_opacity.valueChanged.connect(lambda x: look.choose(mask_opacity=x / 100))
        self.mask_colour.chosen.connect(lambda key: look.choose(mask_colour=key))
        self.smooth.toggled.connect(lambda on: look.choose(smooth=on))
        self.reset.clicked.connect(lambda: look.reset())

    def _choose_limits(self, _: object = None) -> None:
        if self.automatic.isChecked():
            self._look.choose(map_low=0.0, map_high=0.0)
            return
        low, high = self.low.value(), self.high.value()
        if high > low:
            self._look.choose(map_low=low, map_high=high)

    def _show(self) -> None:
        chosen, layer = self._look.chosen, self._look.map
        automatic = chosen.limits is None
        limits = chosen.limits
        if limits is None and layer is not None:
            low, high = layer.contrast_limits
            limits = (float(low), float(high))
        shown: tuple[tuple[Any, Any], ...] = (
            (self.map, layer is not None and layer.visible),
            (self.bar, chosen.colour_bar),
            (self.automatic, automatic),
            (self.smooth, chosen.smooth),
        )
        for box, on in shown:
            with QSignalBlocker(box):
                box.setChecked(on)
        numbers: tuple[tuple[Any, Any], ...] = (
            (self.opacity, round(100 * chosen.map_opacity)),
            (self.mask_opacity, round(100 * chosen.mask_opacity)),
            *(() if limits is None else zip((self.low, self.high), limits, strict=True)),
        )
        for field, value in numbers:
            with QSignalBlocker(field):
                field.setValue(value)
        self.map.setEnabled(layer is not None)
        for field in (self.low, self.high):
            field.setEnabled(not automatic)
        self.colours.set_key(chosen.colour_map)
        self.mask_style.set_key(chosen.mask_style)
        self.mask_colour.set_key(chosen.mask_colour)


def _percent(tip: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setToolTip(tip)
    slider.installEventFilter(WheelGuard(slider))
    return slider


def _limit(tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, _MOST)
    box.setDecimals(3)
    box.setSingleStep(0.01)
    box.setKeyboardTracking(False)
    box.setMinimumWidth(_FIELD_PX)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    box.setToolTip(tip)
    box.installEventFilter(WheelGuard(box))
    return box
