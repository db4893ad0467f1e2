"""`NumberField`: a number that the user sets by slider or keyboard."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QPolygonF
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from napari_anofpdm.widgets.scales import Scale
from napari_anofpdm.widgets.wheel_guard import WheelGuard

PLACES = 1000
_MARK_PX = 4.0
_SPIN_WIDTH_PX = 72


class MarkedSlider(QSlider):
    """A horizontal slider over positions 0..1, with small triangles below marked positions.

    It extends Qt's slider because superqt's float sliders do not respond to the keyboard.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, PLACES)
        self.setSingleStep(PLACES // 100)
        self.setPageStep(PLACES // 20)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(40)
        self.marks: tuple[float, ...] = ()

    @property
    def place(self) -> float:
        """Position of the handle, 0..1."""
        return self.value() / PLACES

    def set_place(self, place: float) -> None:
        """Move the handle without emitting a signal."""
        with QSignalBlocker(self):
            self.setValue(round(place * PLACES))

    def set_marks(self, places: Sequence[float]) -> None:
        """Set the marked positions, each 0..1."""
        self.marks = tuple(places)
        self.setMinimumHeight(24 if self.marks else 0)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the slider, then its marks, aligned with the centre of the handle."""
        super().paintEvent(event)
        if self.marks:
            self._paint_marks()

    def _paint_marks(self) -> None:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style = self.style()
        assert style is not None
        handle = style.pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().text())
        bottom = float(self.height())
        for place in self.marks:
            x = handle / 2 + place * (self.width() - handle)
            corners = [(-_MARK_PX, 0.0), (_MARK_PX, 0.0), (0.0, -1.5 * _MARK_PX)]
            painter.drawPolygon(QPolygonF([QPointF(x + dx, bottom + dy) for dx, dy in corners]))
        painter.end()


class NumberField(QWidget):
    """A slider and a spin box that show the same number.

    Parameters
    ----------
    scale : Scale
        Scale of the slider; it may cover less than the spin box.
    low, high : float
        Range of the spin box.
    decimals : int
        Decimals that the spin box shows.
    suffix : str
        Unit, with a leading space.
    step : float, optional
        Step of the spin box; by default a tenth of the number's magnitude.
    none_text : str
        Text that the spin box shows at `low` if that value means "not set".

    Attributes
    ----------
    value : float
        The number, with all its digits.
    """

    edited = Signal(float)
    """Emitted when the user changes the value, not by `set_value`."""

    def __init__(
        self,
        scale: Scale,
        low: float,
        high: float,
        *,
        decimals: int = 2,
        suffix: str = "",
        step: float | None = None,
        none_text: str = "",
    ) -> None:
        super().__init__()
        self._scale = scale
        self.value = low
        self.slider = MarkedSlider()
        self.spin = QDoubleSpinBox()
        self.spin.setRange(low, high)
        self.spin.setDecimals(decimals)
        self.spin.setSuffix(suffix)
        self.spin.setSpecialValueText(none_text)
        self.spin.setKeyboardTracking(False)
        self.spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # The arrow keys change the value; buttons would take space from the digits.
        self.spin.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.spin.setFixedWidth(_SPIN_WIDTH_PX)
        if step is None:
            self.spin.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        else:
            self.spin.setSingleStep(step)
        guard = WheelGuard(self)
        for widget in (self.slider, self.spin):
            widget.installEventFilter(guard)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.spin)
        self.slider.valueChanged.connect(self._slid)
        self.spin.valueChanged.connect(self._typed)

    def set_value(self, value: float) -> None:
        """Show a value without emitting a signal."""
        self.value = value
        with QSignalBlocker(self.spin):
            self.spin.setValue(value)
        # While the user drags, the handle stays at the pointer, not on the rounded value.
        if not self.slider.isSliderDown():
            self.slider.set_place(self._scale.place(value))

    def mark(self, values: Sequence[float]) -> None:
        """Mark values below the slider."""
        self.slider.set_marks([self._scale.place(value) for value in values])

    def setToolTip(self, text: str | None) -> None:  # noqa: N802 - Qt's name
        """Set the tooltip of both parts."""
        super().setToolTip(text)
        for widget in (self.slider, self.spin):
            widget.setToolTip(text)

    def _slid(self) -> None:
        with QSignalBlocker(self.spin):
            self.spin.setValue(self._scale.value(self.slider.place))
        self.value = float(self.spin.value())
        self.edited.emit(self.value)

    def _typed(self, value: float) -> None:
        self.slider.set_place(self._scale.place(value))
        self.value = float(value)
        self.edited.emit(self.value)
