"""`JobForm`: base of the forms that start a job."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.choice_box import ChoiceBox
from napari_anofpdm.field import Field, wrapped_label
from napari_anofpdm.notify import show_failure

DEVICES = {
    "auto": ("automatic", "The GPU when there is a usable one, else the CPU."),
    "cuda": ("GPU (CUDA)", "An NVIDIA GPU."),
    "mps": ("GPU (Apple)", "The GPU of an Apple computer."),
    "cpu": ("CPU", "Works everywhere; training takes very long."),
}


class JobForm(QWidget):
    """Fields, and a button that starts a job of what they say.

    Parameters
    ----------
    command : str
        Of the command line.
    intro : str
        What the job does, in a sentence or two.

    Attributes
    ----------
    started : Signal(Path)
        The folder of a job that was started.
    """

    started = Signal(object)

    def __init__(self, command: str, intro: str) -> None:
        super().__init__()
        self._command = command
        self.name = QLineEdit()
        self.name.setPlaceholderText("command and time")
        self.name.textChanged.connect(self.refresh)
        self.start = QPushButton("Start")
        self.start.clicked.connect(lambda: self.submit())
        self.why_not = wrapped_label()
        self.rows = QVBoxLayout()
        column = QVBoxLayout(self)
        column.addWidget(wrapped_label(intro))
        column.addLayout(self.rows)
        column.addWidget(
            Field("Job's name", self.name, "Names the job, and its folder in the jobs folder.")
        )
        column.addWidget(self.start)
        column.addWidget(self.why_not)
        column.addStretch(1)

    def add(self, name: str, control: QWidget, tooltip: str) -> Field:
        """Add a row."""
        field = Field(name, control, tooltip)
        self.rows.addWidget(field)
        return field

    def refresh(self, _: object = None) -> None:
        """Let only what is complete be started, and say what is missing."""
        fault = self.fault()
        self.start.setEnabled(not fault)
        self.start.setToolTip(
            fault or "Start it in the background; it goes on when the viewer is closed."
        )
        self.why_not.setText(fault)

    def submit(self) -> None:
        """Start the job; what is wrong is told in one sentence."""
        from anofpdm.jobs.places import job_folder
        from anofpdm.jobs.start import proposed_name, start_job

        if self.fault():
            return
        try:
            name = self.name.text().strip() or proposed_name(self._command)
            folder = job_folder(name)
            files = self.files(folder)
            started = start_job([self._command, *self.arguments(folder)], folder, files)
        except Exception as error:
            show_failure(error, "the start of the job")
            return
        self.name.clear()
        self.started.emit(started)

    def fault(self) -> str:
        """Tell what keeps the job from being started, in one sentence; "" for nothing."""
        raise NotImplementedError

    def arguments(self, folder: Path) -> list[str]:
        """Return what follows the command's name.

        Parameters
        ----------
        folder : Path
            The job's, where results go that have no other place.
        """
        raise NotImplementedError

    def files(self, folder: Path) -> dict[str, str]:
        """Return texts that shall lie in the job's folder, by name."""
        return {}


def device_box() -> ChoiceBox:
    """Return a list of devices, with the preferred one chosen."""
    from napari_anofpdm.preferences import run_preferences

    box = ChoiceBox(DEVICES)
    box.set_key(run_preferences().device)
    return box
