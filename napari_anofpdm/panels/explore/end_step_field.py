"""`EndStepField`: the end step, automatic for each slice or one of the stored timesteps."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QSlider, QWidget

from napari_anofpdm.widgets.wheel_guard import WheelGuard

AUTOMATIC = "automatic"
_LIST_WIDTH_PX = 108


class EndStepField(QWidget):
    """A slider over the timesteps of the analysis, and a list of them."""

    chosen = Signal(object)
    """Emitted when the user chooses a timestep, or None for the peak of M_t."""

    def __init__(self) -> None:
        super().__init__()
        self._timesteps: tuple[int, ...] = ()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setMinimumWidth(40)
        self.list = QComboBox()
        self.list.setFixedWidth(_LIST_WIDTH_PX)
        guard = WheelGuard(self)
        for widget in (self.slider, self.list):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(guard)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.list)
        self.slider.valueChanged.connect(self._slid)
        self.list.currentIndexChanged.connect(self._picked)

    def set_timesteps(self, timesteps: Sequence[int]) -> None:
        """Set the timesteps of an analysis."""
        self._timesteps = tuple(timesteps)
        with QSignalBlocker(self.list), QSignalBlocker(self.slider):
            self.list.clear()
            self.list.addItems([AUTOMATIC, *(f"t = {t}" for t in timesteps)])
            self.slider.setRange(0, max(len(self._timesteps) - 1, 0))

    def set_value(self, end_step: int | None, found: int | None = None) -> None:
        """Show the end step without emitting a signal.

        Parameters
        ----------
        end_step : int or None
            None if it is found for each slice.
        found : int, optional
            The end step found for the slice in view; the slider then shows it.
        """
        place = None if end_step is None else self._timesteps.index(end_step)
        with QSignalBlocker(self.list):
            self.list.setCurrentIndex(0 if place is None else place + 1)
        if place is None and found in self._timesteps:
            place = self._timesteps.index(found)
        if place is not None and not self.slider.isSliderDown():
            with QSignalBlocker(self.slider):
                self.slider.setValue(place)

    def setToolTip(self, text: str | None) -> None:  # noqa: N802 - Qt's name
        """Set the tooltip of both parts."""
        super().setToolTip(text)
        for widget in (self.slider, self.list):
            widget.setToolTip(text)

    def _slid(self, place: int) -> None:
        with QSignalBlocker(self.list):
            self.list.setCurrentIndex(place + 1)
        self.chosen.emit(self._timesteps[place])

    def _picked(self, index: int) -> None:
        end_step = None if index == 0 else self._timesteps[index - 1]
        if end_step is not None:
            with QSignalBlocker(self.slider):
                self.slider.setValue(index - 1)
        self.chosen.emit(end_step)
