"""`SettingsForm`: a field for each setting of the interpretation."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QWidget

from napari_anofpdm.panels.explore.candidates_menu import CandidatesMenu
from napari_anofpdm.panels.explore.end_step_field import EndStepField
from napari_anofpdm.panels.explore.threshold_field import ThresholdField
from napari_anofpdm.session.setting_words import POLARITY_WORDS, SAM_WORDS
from napari_anofpdm.widgets.choice_box import ChoiceBox
from napari_anofpdm.widgets.number_field import NumberField
from napari_anofpdm.widgets.scales import LinearScale, LogScale, NearOneScale

if TYPE_CHECKING:
    from anofpdm import Analysis, Interpretation, Settings

_NO_COSINE = -1.0
# Where a gate that no calibration has measured begins: healthy slices have a cosine near 1.
_FIRST_COSINE = 0.99
_TIPS = {
    "guidance": "How strongly the model is drawn toward healthy: larger values mark stronger and "
    "wider differences (0 to 1000, no unit). Gate and M_max follow as the calibration measured.",
    "end_step": "The last noise level that enters the anomaly map (a timestep, no unit). "
    "Automatic: in each slice where the divergence M_t peaks.",
    "sam": "What is measured at each pixel and averaged into the anomaly map.",
    "polarity": "Which departures from the healthy picture count: brighter ones, darker ones, or "
    "both. The curves stay as they are.",
    "gate": "Leave the mask empty on slices that the gate calls healthy.",
    "cosine": "A slice is healthy where the cosine of its two error curves is above this "
    "(-1 to 1, no unit).",
    "median": "Width of the median filter that smooths the anomaly map: an odd number of pixels "
    "of the network's image; 1 for none.",
    "spot": "Spots of this filled area or less are dropped, slice by slice: pixels of a 128x128 "
    "image; 0 drops none.",
    "lesion": "Connected lesions smaller than this are dropped (millilitres); 0 drops none.",
}


class _Row(NamedTuple):
    """A title, the fields of `Settings` it stands for, its widget, and what is wrong with it."""

    title: str
    names: tuple[str, ...]
    field: QWidget
    fault: QLabel

    def in_words(self, reason: str) -> str:
        """Name a field as the panel does."""
        for name in self.names:
            reason = reason.replace(name, self.title)
        return reason


class SettingsForm(QWidget):
    """Shows `Settings` and tells what the user changes; it decides nothing."""

    edited = Signal(object)
    """The fields of `Settings` that the user changed, a dict; perhaps not valid ones."""

    def __init__(self) -> None:
        super().__init__()
        self._fault_colour = "#e5484d"
        self.rows: list[_Row] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self.guidance = NumberField(LogScale(1.0, 1000.0), 0.0, 1000.0)
        self.candidates = CandidatesMenu()
        self.end_step = EndStepField()
        self.sam = ChoiceBox(SAM_WORDS)
        self.polarity = ChoiceBox(POLARITY_WORDS)
        self.threshold = ThresholdField()
        self.gate = QCheckBox()
        self.cosine = NumberField(
            NearOneScale(0.0005, 0.0), _NO_COSINE, 1.0, decimals=4, step=0.001, none_text="none"
        )
        self.median = NumberField(LinearScale(1, 31, 2), 1, 99, decimals=0, step=2, suffix=" px")
        self.spot = NumberField(LogScale(10, 2000), 0, 99999, decimals=0, step=1, suffix=" px")
        self.lesion = NumberField(LogScale(0.1, 200), 0, 9999, suffix=" ml")
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self._add_row("Guidance w", _side_by_side(self.guidance, self.candidates), "guidance")
        self._add_row("End step", self.end_step, "end_step")
        self._add_row("Map", self.sam, "sam")
        self._add_row("Polarity", self.polarity, "polarity")
        self._add_row("Threshold", self.threshold, "threshold", "max_divergence")
        gate = _side_by_side(self.cosine, self.gate, widget_first=False)
        self._add_row("Cosine gate", gate, "gate", "cosine_threshold")
        self._add_row("Median", self.median, "median_kernel")
        self._add_row("Smallest spot", self.spot, "min_component_pixels")
        self._add_row("Smallest lesion", self.lesion, "min_component_ml")
        for name, tip in _TIPS.items():
            getattr(self, name).setToolTip(tip)

    def _add_row(self, title: str, field: QWidget, *names: str) -> None:
        row = 2 * len(self.rows)
        label, fault = QLabel(title), QLabel()
        fault.setWordWrap(True)
        fault.hide()
        side = (
            Qt.AlignmentFlag.AlignTop if field is self.threshold else Qt.AlignmentFlag.AlignVCenter
        )
        self._grid.addWidget(label, row, 0, side)
        self._grid.addWidget(field, row, 1)
        self._grid.addWidget(fault, row + 1, 0, 1, 2)
        self.rows.append(_Row(title, names, field, fault))

    def _connect(self) -> None:
        def tell(name: str, kind: type = float) -> Any:
            return lambda value: self.edited.emit({name: kind(value)})

        self.guidance.edited.connect(tell("guidance"))
        self.candidates.chosen.connect(tell("guidance"))
        self.end_step.chosen.connect(lambda t: self.edited.emit({"end_step": t}))
        self.sam.chosen.connect(tell("sam", str))
        self.polarity.chosen.connect(tell("polarity", str))
        self.threshold.edited.connect(lambda rule: self.edited.emit({"threshold": rule}))
        self.gate.toggled.connect(self._gate_toggled)
        self.cosine.edited.connect(self._cosine_edited)
        self.median.edited.connect(tell("median_kernel", int))
        self.spot.edited.connect(tell("min_component_pixels", int))
        self.lesion.edited.connect(tell("min_component_ml"))

    def set_analysis(self, analysis: Analysis) -> None:
        """Offer what an analysis and its model's calibration hold."""
        calibration = analysis.calibration
        self.end_step.set_timesteps(analysis.timesteps)
        self.candidates.set_calibration(calibration)
        candidates = () if calibration is None else calibration.candidates
        self.guidance.mark([candidate.guidance for candidate in candidates])
        self.threshold.set_calibration(None if calibration is None else calibration.quantile_range)

    def set_slice(self, result: Interpretation) -> None:
        """Take note of the slice in view, the first of `result`: other choices start from it."""
        if result.settings.end_step is None:
            self.end_step.set_value(None, int(result.end_step[0].max()))
        quantile = float(result.quantile[0].mean())
        known = None if quantile != quantile else quantile
        self.threshold.set_here(known, float(result.threshold[0]))

    def set_settings(self, settings: Settings) -> None:
        """Show settings; nothing is emitted, and faults are forgotten."""
        self.set_fault(frozenset(), "")
        self.guidance.set_value(settings.guidance)
        self.end_step.set_value(settings.end_step)
        self.sam.set_key(settings.sam)
        self.polarity.set_key(settings.polarity)
        self.threshold.set_rule(settings.threshold)
        with QSignalBlocker(self.gate):
            self.gate.setChecked(settings.gate)
        cosine = settings.cosine_threshold
        self.cosine.set_value(_NO_COSINE if cosine is None else cosine)
        self.median.set_value(settings.median_kernel)
        self.spot.set_value(settings.min_component_pixels)
        self.lesion.set_value(settings.min_component_ml)

    def set_fault(self, names: Set[str], reason: str) -> None:
        """Frame the rows of these fields in red with the reason below, and no others."""
        frame = f"QAbstractSpinBox, QComboBox {{ border: 1px solid {self._fault_colour}; }}"
        for row in self.rows:
            faulty = not names.isdisjoint(row.names)
            if faulty or row.fault.isVisibleTo(self):
                row.field.setStyleSheet(frame if faulty else "")
                row.fault.setText(row.in_words(reason))
                row.fault.setVisible(faulty)

    def set_fault_colour(self, colour: str) -> None:
        """Take the red that can be read in the viewer's theme, "#rrggbb"."""
        self._fault_colour = colour
        for row in self.rows:
            row.fault.setStyleSheet(f"color: {colour};")

    def _gate_toggled(self, on: bool) -> None:
        changes: dict[str, object] = {"gate": on}
        if on and self.cosine.value == _NO_COSINE:
            changes["cosine_threshold"] = _FIRST_COSINE
        self.edited.emit(changes)

    def _cosine_edited(self, value: float) -> None:
        self.edited.emit({"cosine_threshold": None if value == _NO_COSINE else value})


def _side_by_side(field: QWidget, extra: QWidget, *, widget_first: bool = True) -> QWidget:
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in (field, extra) if widget_first else (extra, field):
        layout.addWidget(widget, int(widget is field))
    return box
