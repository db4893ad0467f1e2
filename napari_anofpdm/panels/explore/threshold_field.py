"""`ThresholdField`: how the threshold on the anomaly map is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_anofpdm.session.setting_choices import REGION_CHOICES, THRESHOLD_CHOICES
from napari_anofpdm.widgets.accessible import name_control
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.number_field import NumberField
from napari_anofpdm.widgets.scales import LinearScale, LogScale, NearOneScale

if TYPE_CHECKING:
    from anofpdm.method.settings import ThresholdRule

_QUANTILES = NearOneScale(knee=0.005, low=0.5)
_VALUES = LogScale(knee=0.001, high=4.0)
_NOT_CALIBRATED = "Unavailable: this rule requires M_max, which the model does not have."


class ThresholdField(QWidget):
    """Kind of threshold, region and numbers; only the fields that the kind needs are shown."""

    edited = Signal(object)
    """The user's rule, a dict of the fields of a `ThresholdRule`."""

    def __init__(self) -> None:
        super().__init__()
        self._ranges: Mapping[Any, tuple[float, float]] = {}
        self._here: tuple[float | None, float | None] = (None, None)
        self.kind = ChoiceBox(THRESHOLD_CHOICES)
        self.kind.setToolTip("How the threshold on the anomaly map is chosen in each slice.")
        self.region = ChoiceBox(REGION_CHOICES)
        self.region.setToolTip("The pixels of a slice from which the quantile is taken.")
        self.low = _quantile_field("Quantile for a slice that differs most from healthy (M_max).")
        self.high = _quantile_field("Quantile for a slice that does not differ from healthy.")
        self.quantile = _quantile_field(
            "Pixels above this quantile of the slice's anomaly map are marked: 0.95 marks 5 %."
        )
        self.value = NumberField(_VALUES, 0.0, 1e6, decimals=5)
        self.value.setToolTip(
            "Pixels whose anomaly map reaches this value are marked (squared intensity; the "
            "brain's intensities span 2)."
        )
        self.extent = NumberField(LinearScale(0.05, 1.0, 0.05), 0.01, 1.0, decimals=2, step=0.05)
        self.extent.setToolTip(
            "Marked spots extend down to this share of the value. 1 marks only pixels that reach "
            "the value; 0.5 adds connected pixels that reach half of it."
        )
        self._build()
        self.kind.chosen.connect(self._kind_chosen)
        self.region.chosen.connect(self._region_chosen)
        self.low.edited.connect(self._push_high)
        self.high.edited.connect(self._push_low)
        for field in (self.quantile, self.value, self.extent):
            field.edited.connect(lambda _: self._emit())

    def _build(self) -> None:
        dynamic = _rows(("from", self.low), ("to", self.high))
        absolute = _rows(("value", self.value), ("extent", self.extent))
        self._numbers = dict(
            zip(THRESHOLD_CHOICES, (dynamic, self.quantile, absolute), strict=True)
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.kind)
        layout.addWidget(self.region)
        for numbers in self._numbers.values():
            layout.addWidget(numbers)

    def set_calibration(self, ranges: Mapping[Any, tuple[float, float]] | None) -> None:
        """Set the quantile range of each region; None if the model is not calibrated."""
        self._ranges = ranges or {}
        explanation = THRESHOLD_CHOICES["dynamic"][1] if ranges else _NOT_CALIBRATED
        self.kind.set_available("dynamic", bool(ranges), explanation)

    def set_here(self, quantile: float | None, value: float | None) -> None:
        """Set quantile and threshold of the slice in view, the initial values of another kind."""
        self._here = (quantile, value)

    def set_rule(self, rule: ThresholdRule) -> None:
        """Show a rule without emitting a signal."""
        self.kind.set_key(rule.kind)
        self._show_page(rule.kind)
        if rule.kind == "absolute":
            self.value.set_value(rule.value)
            self.extent.set_value(rule.extent)
            return
        self.region.set_key(rule.region)
        if rule.kind == "quantile":
            self.quantile.set_value(rule.quantile)
        else:
            self.low.set_value(rule.low)
            self.high.set_value(rule.high)

    def _show_page(self, kind: str) -> None:
        for key, numbers in self._numbers.items():
            numbers.setVisible(key == kind)
        self.region.setVisible(kind != "absolute")

    def _kind_chosen(self, kind: str) -> None:
        quantile, value = self._here
        if kind == "quantile" and quantile is not None:
            self.quantile.set_value(quantile)
        elif kind == "absolute" and value is not None:
            self.value.set_value(value)
        elif kind == "dynamic":
            self._take_range()
        self._show_page(kind)
        self._emit()

    def _region_chosen(self) -> None:
        if self.kind.key == "dynamic":
            self._take_range()
        self._emit()

    def _push_high(self, low: float) -> None:
        self.high.set_value(max(low, self.high.value))
        self._emit()

    def _push_low(self, high: float) -> None:
        self.low.set_value(min(high, self.low.value))
        self._emit()

    def _take_range(self) -> None:
        if self.region.key in self._ranges:
            low, high = self._ranges[self.region.key]
            self.low.set_value(low)
            self.high.set_value(high)

    def _emit(self) -> None:
        kind = self.kind.key
        numbers: dict[str, dict[str, object]] = {
            "dynamic": {"low": self.low.value, "high": self.high.value},
            "quantile": {"quantile": self.quantile.value},
            "absolute": {"value": self.value.value, "extent": self.extent.value},
        }
        region = {} if kind == "absolute" else {"region": self.region.key}
        self.edited.emit({"kind": kind} | region | numbers[kind])


def _rows(*rows: tuple[str, NumberField]) -> QWidget:
    widget = QWidget()
    grid = QGridLayout(widget)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setVerticalSpacing(3)
    for row, (title, field) in enumerate(rows):
        name_control(field, title)
        grid.addWidget(QLabel(title), row, 0)
        grid.addWidget(field, row, 1)
    return widget


def _quantile_field(explanation: str) -> NumberField:
    field = NumberField(_QUANTILES, 0.0001, 0.9999, decimals=4, step=0.005)
    field.setToolTip(explanation)
    return field
