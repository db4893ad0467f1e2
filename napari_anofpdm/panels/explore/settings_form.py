"""`SettingsForm`: a field for each setting of the interpretation."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_anofpdm.panels.explore.candidates_menu import CandidatesMenu
from napari_anofpdm.panels.explore.end_step_field import EndStepField
from napari_anofpdm.panels.explore.threshold_field import ThresholdField
from napari_anofpdm.session.setting_choices import MAP_CHOICES, POLARITY_CHOICES
from napari_anofpdm.widgets.accessible import name_control
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.folded import Folded
from napari_anofpdm.widgets.number_field import NumberField
from napari_anofpdm.widgets.scales import LinearScale, LogScale, NearOneScale

if TYPE_CHECKING:
    from anofpdm import Analysis, Interpretation, Settings
    from anofpdm.method.refinement import Refinement

_NO_COSINE = -1.0
# Initial threshold of an uncalibrated gate: healthy slices have a cosine near 1.
_FIRST_COSINE = 0.99
_TIPS = {
    "guidance": "How strongly the model is steered toward healthy (0 to 1000, no unit). Larger "
    "values mark stronger and wider differences. The gate and M_max follow the calibration.",
    "end_step": "The last noise level that is averaged into the anomaly map (a timestep, no unit). "
    "Automatic: the peak of the divergence (M_t) of each slice.",
    "sam": "What the step maps measure. Their mean is the anomaly map.",
    "polarity": "Which differences from the healthy prediction count: brighter ones, darker ones, "
    "or both. The curves do not change.",
    "gate": "Leave the mask empty on slices that the gate classifies as healthy.",
    "cosine": "A slice is healthy if the cosine of its two error curves is above this value "
    "(-1 to 1, no unit).",
    "median": "Width of the median filter that smooths the anomaly map: an odd number of pixels "
    "of the network's image; 1 turns it off.",
    "spot": "Spots of this area or less, holes included, are dropped in each slice (pixels of a "
    "128x128 image); 0 keeps all.",
    "border": "Where a lesion ends on the scan: brightness above (or below) the median of the "
    "brain, in robust standard deviations. Lower values mark more.",
    "refine": "Redraw the mask on the scan's own voxels: bright (or dark) voxels near what the "
    "anomaly map marks. The map and the verdicts do not change.",
    "lesion": "Connected lesions smaller than this are dropped (millilitres); 0 keeps all.",
}


class _Row(NamedTuple):
    """A title, its fields of `Settings`, and its widget."""

    title: str
    names: tuple[str, ...]
    field: QWidget

    def in_words(self, reason: str) -> str:
        """Replace field names by the title in the panel."""
        for name in self.names:
            reason = reason.replace(name, self.title)
        return reason


class SettingsForm(QWidget):
    """Shows `Settings` and emits the user's changes; it validates nothing."""

    edited = Signal(object)
    """The fields of `Settings` that the user changed, a dict; the values may be invalid."""

    def __init__(self) -> None:
        super().__init__()
        self._fault_colour = "#e5484d"
        self.rows: list[_Row] = []
        self._refinement: Refinement | None = None
        self.fault = QLabel()
        self.advanced = Folded(
            "Advanced",
            "Show what rarely changes: end step, map, gate and sizes, and how map and mask look.",
        )
        self._grid = QGridLayout()
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self.guidance = NumberField(LogScale(1.0, 1000.0), 0.0, 1000.0)
        self.candidates = CandidatesMenu()
        self.end_step = EndStepField()
        self.sam = ChoiceBox(MAP_CHOICES)
        self.polarity = ChoiceBox(POLARITY_CHOICES)
        self.threshold = ThresholdField()
        self.gate = QCheckBox()
        self.cosine = NumberField(
            NearOneScale(0.0005, 0.0), _NO_COSINE, 1.0, decimals=4, step=0.001, none_text="none"
        )
        self.median = NumberField(LinearScale(1, 31, 2), 1, 99, decimals=0, step=2, suffix=" px")
        self.spot = NumberField(LogScale(10, 2000), 0, 99999, decimals=0, step=1, suffix=" px")
        self.refine = QCheckBox()
        self.border = NumberField(LinearScale(-1, 5, 0.05), -10, 100, decimals=2, step=0.05)
        self.lesion = NumberField(LogScale(0.1, 200), 0, 9999, suffix=" ml")
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        # Below their titles, the sliders that matter have the whole width.
        for title, field, names in (
            ("Threshold (Q*)", self.threshold, ("threshold", "max_divergence")),
            ("Guidance (w)", _side_by_side(self.guidance, self.candidates), ("guidance",)),
        ):
            column.addWidget(QLabel(title))
            name_control(field, title)
            column.addWidget(field)
            self.rows.append(_Row(title, names, field))
        # As high as two lines, empty or not: a message moves nothing.
        self.fault.setWordWrap(True)
        self.fault.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.fault.setFixedHeight(2 * self.fault.fontMetrics().lineSpacing())
        column.addWidget(self.fault)
        column.addWidget(self.advanced)
        self.advanced.set_content(self._grid)
        self._add_row("End step (tₑ)", self.end_step, "end_step")
        self._add_row("Map", self.sam, "sam")
        self._add_row("Polarity", self.polarity, "polarity")
        gate = _side_by_side(self.cosine, self.gate, widget_first=False)
        self._add_row("Cosine gate", gate, "gate", "cosine_threshold")
        self._add_row("Median filter", self.median, "median_kernel")
        self._add_row("Smallest spot", self.spot, "min_component_pixels")
        refine = _side_by_side(self.border, self.refine, widget_first=False)
        self._add_row("Refine on the scan", refine, "refinement")
        self._add_row("Smallest lesion", self.lesion, "min_component_ml")
        for name, tip in _TIPS.items():
            getattr(self, name).setToolTip(tip)

    def add_advanced(self, widget: QWidget) -> None:
        """Put what is no setting of the interpretation below the advanced settings."""
        self._grid.addWidget(widget, self._grid.rowCount(), 0, 1, 2)

    def _add_row(self, title: str, field: QWidget, *names: str) -> None:
        row = len(self.rows)
        name_control(field, title)
        self._grid.addWidget(QLabel(title), row, 0)
        self._grid.addWidget(field, row, 1)
        self.rows.append(_Row(title, names, field))

    def _connect(self) -> None:
        def emitter(name: str, kind: type = float) -> Any:
            return lambda value: self.edited.emit({name: kind(value)})

        self.guidance.edited.connect(emitter("guidance"))
        self.candidates.chosen.connect(emitter("guidance"))
        self.end_step.chosen.connect(lambda t: self.edited.emit({"end_step": t}))
        self.sam.chosen.connect(emitter("sam", str))
        self.polarity.chosen.connect(emitter("polarity", str))
        self.threshold.edited.connect(lambda rule: self.edited.emit({"threshold": rule}))
        self.gate.toggled.connect(self._gate_toggled)
        self.cosine.edited.connect(self._cosine_edited)
        self.median.edited.connect(emitter("median_kernel", int))
        self.spot.edited.connect(emitter("min_component_pixels", int))
        self.lesion.edited.connect(emitter("min_component_ml"))
        self.refine.toggled.connect(self._refine_toggled)
        self.border.edited.connect(self._border_edited)

    def set_analysis(self, analysis: Analysis) -> None:
        """Set the choices from an analysis and its model's calibration."""
        from anofpdm.method.refinement import Refinement

        calibration = analysis.calibration
        own = None if calibration is None else calibration.refinement
        self._refinement = Refinement() if own is None else own
        self.end_step.set_timesteps(analysis.timesteps)
        self.candidates.set_calibration(calibration)
        candidates = () if calibration is None else calibration.candidates
        self.guidance.mark([candidate.guidance for candidate in candidates])
        self.threshold.set_calibration(None if calibration is None else calibration.quantile_range)

    def set_slice(self, result: Interpretation) -> None:
        """Use the slice in view, the first of `result`, for the initial values of other choices."""
        if result.settings.end_step is None:
            self.end_step.set_value(None, int(result.end_step[0].max()))
        quantile = float(result.quantile[0].mean())
        known = None if quantile != quantile else quantile
        self.threshold.set_here(known, float(result.threshold[0]))

    def set_settings(self, settings: Settings) -> None:
        """Show settings without emitting a signal; clear all errors."""
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
        if settings.refinement is not None:
            self._refinement = settings.refinement
        with QSignalBlocker(self.refine):
            self.refine.setChecked(settings.refinement is not None)
        if self._refinement is not None:
            self.border.set_value(self._refinement.border)
        self.border.setEnabled(settings.refinement is not None)

    def set_fault(self, names: Set[str], reason: str) -> None:
        """Frame the rows of these fields, and only these, in red, and give the reason."""
        frame = f"QAbstractSpinBox, QComboBox {{ border: 1px solid {self._fault_colour}; }}"
        words = reason
        for row in self.rows:
            faulty = not names.isdisjoint(row.names)
            row.field.setStyleSheet(frame if faulty else "")
            if faulty:
                words = row.in_words(words)
        self.fault.setText(words)
        self.fault.setToolTip(words)

    def set_fault_colour(self, colour: str) -> None:
        """Set the red that is readable in the viewer's theme, "#rrggbb"."""
        self._fault_colour = colour
        self.fault.setStyleSheet(f"color: {colour};")

    def _gate_toggled(self, on: bool) -> None:
        changes: dict[str, object] = {"gate": on}
        if on and self.cosine.value == _NO_COSINE:
            changes["cosine_threshold"] = _FIRST_COSINE
        self.edited.emit(changes)

    def _refine_toggled(self, on: bool) -> None:
        self.edited.emit({"refinement": self._refinement if on else None})

    def _border_edited(self, value: float) -> None:
        if self._refinement is not None:
            # The user's latest value counts, even before the settings come back.
            self._refinement = self._refinement.model_copy(update={"border": value})
            self.edited.emit({"refinement": self._refinement.model_dump()})

    def _cosine_edited(self, value: float) -> None:
        self.edited.emit({"cosine_threshold": None if value == _NO_COSINE else value})


def _side_by_side(field: QWidget, extra: QWidget, *, widget_first: bool = True) -> QWidget:
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in (field, extra) if widget_first else (extra, field):
        layout.addWidget(widget, int(widget is field))
    return box
