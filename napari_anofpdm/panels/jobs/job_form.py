"""`JobForm`: base class of the forms that start a job."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import CheckBox, FloatSpinBox, LineEdit
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractSpinBox, QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.host.notify import sentence_of, show_failure
from napari_anofpdm.panels.jobs.job_estimator import JobEstimator
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.boxes.count_box import CountBox
from napari_anofpdm.widgets.field import Field, wrapped_label
from napari_anofpdm.widgets.path_field import PathField
from napari_anofpdm.widgets.wheel_guard import WheelGuard

_ESTIMATE = "Estimate time and memory"

Control = ChoiceBox | PathField | LineEdit | CountBox | FloatSpinBox | CheckBox
"""What a row may hold; magicgui makes the plain fields."""


class JobForm(QWidget):
    """Fields, and a button that starts a job from them.

    Parameters
    ----------
    command : str
        The command of the command line, such as "train".
    intro : str
        One or two sentences about what the job does.

    Attributes
    ----------
    started : Signal(Path)
        The folder of a job that was started.
    """

    started = Signal(object)

    def __init__(self, command: str, intro: str) -> None:
        super().__init__()
        self._command = command
        self.name = LineEdit()
        self.name.native.setPlaceholderText("command and time")
        self.start = QPushButton("Start")
        self.start.clicked.connect(lambda: self.submit())
        self.estimator = JobEstimator(self)
        self.estimator.estimated.connect(self._on_estimate)
        self.estimator.failed.connect(self._show_cost)
        self.estimate = QPushButton(_ESTIMATE)
        self.estimate.clicked.connect(lambda: self._estimate_or_cancel())
        self.cost = wrapped_label()
        self._estimated: tuple[object, ...] = ()
        self.why_not = wrapped_label()
        self.rows = QVBoxLayout()
        column = QVBoxLayout(self)
        column.addWidget(wrapped_label(intro))
        column.addLayout(self.rows)
        column.addWidget(
            self._field(
                "Job name", self.name, "Name of the job and of its folder in the jobs folder."
            )
        )
        column.addWidget(self.estimate)
        column.addWidget(self.cost)
        column.addWidget(self.start)
        column.addWidget(self.why_not)
        column.addStretch(1)

    def add(self, name: str, control: Control, tooltip: str) -> Field:
        """Add a row."""
        field = self._field(name, control, tooltip)
        self.rows.addWidget(field)
        return field

    def _field(self, name: str, control: Control, tooltip: str) -> Field:
        """Make a row that reports changes and ignores the mouse wheel without focus."""
        if isinstance(control, ChoiceBox):
            control.chosen.connect(self.refresh)
        elif isinstance(control, CountBox):
            control.valueChanged.connect(self.refresh)
        else:
            control.changed.connect(self.refresh)
        widget = control if isinstance(control, QWidget) else control.native
        if isinstance(widget, QAbstractSpinBox):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(WheelGuard(widget))
        return Field(name, widget, tooltip)

    def refresh(self, _: object = None) -> None:
        """Enable Start if the form is complete; otherwise show what is missing."""
        fault = self.fault()
        self.start.setEnabled(not fault)
        self.start.setToolTip(
            fault or "Start the job in the background; it continues when the viewer is closed."
        )
        self.why_not.setText(fault)
        self.estimate.setEnabled(not fault)
        self.estimate.setToolTip(
            fault or "Run a small part of the work in a separate process, for up to a minute."
        )
        if self._estimated and (fault or self._estimated != self._given()):
            # The estimate was made for other values.
            self._show_cost("")

    def submit(self) -> None:
        """Start the job; show an error in one sentence."""
        from anofpdm.jobs.places import job_folder
        from anofpdm.jobs.start import proposed_job_name, start_job

        if self.fault():
            return
        self._show_cost("")
        try:
            name = self.name.value.strip() or proposed_job_name(self._command)
            folder = job_folder(name)
            files = self.files(folder)
            started = start_job([self._command, *self.arguments(folder)], folder, files)
        except Exception as error:
            show_failure(error, "starting the job")
            return
        self.name.value = ""
        self.started.emit(started)

    def _estimate_or_cancel(self) -> None:
        if self.estimator.running:
            self._show_cost("")
            return
        try:
            folder = self.estimator.place()
            self.estimator.ask([self._command, *self.arguments(folder)], self.files(folder))
        except Exception as error:
            self._show_cost(sentence_of(error, "estimating the job"))
            return
        self._estimated = self._given()
        self.estimate.setText("Cancel estimate")
        self.cost.setText("Running a small part of the work…")

    def _on_estimate(self, words: str, problems: list[str]) -> None:
        self._show_cost("\n".join([*problems, words]))

    def _show_cost(self, text: str) -> None:
        """Show an estimate, or why there is none; stop an estimate in progress."""
        self.estimator.cancel()
        self._estimated = self._given() if text else ()
        self.estimate.setText(_ESTIMATE)
        self.cost.setText(text)

    def _given(self) -> tuple[object, ...]:
        return (*self.arguments(Path()), *self.choices())

    def choices(self) -> tuple[object, ...]:
        """Return the values besides the arguments that affect the job."""
        return ()

    def fault(self) -> str:
        """Return one sentence that says why the job cannot start, or ""."""
        raise NotImplementedError

    def arguments(self, folder: Path) -> list[str]:
        """Return the arguments of the command.

        Parameters
        ----------
        folder : Path
            The job's folder, the default place of its results.
        """
        raise NotImplementedError

    def files(self, folder: Path) -> dict[str, str]:
        """Return the texts of files for the job's folder, by file name."""
        return {}
