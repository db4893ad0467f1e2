"""`JobDetails`: progress, curves, log and actions of the chosen job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import (
    QGridLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.plots.job_accuracy import JobAccuracy
from napari_anofpdm.plots.job_loss import JobLoss
from napari_anofpdm.plots.plot_theme import PlotTheme
from napari_anofpdm.widgets.field import wrapped_label

if TYPE_CHECKING:
    from anofpdm.jobs.watch import JobWatch

_PER_MILLE = 1000
_CURVE_PX = 150  # in a lower plot the text would cover the curve
_MARGINS_PX = (0, 8, 8, 3)  # the last one leaves room for the descenders of the axis label
_ACTIONS = {
    "folder": ("Open folder", "Show the job's folder in the file manager."),
    "stop": ("Stop", "Stop the job and all its processes; training saves a checkpoint first."),
    "resume": ("Resume", "Start the job again; it continues from its saved state."),
    "remove": ("Remove…", "Delete the job's folder with its results."),
    "use": ("Use this model", "Choose this job's model in the Analyse panel."),
}


class JobDetails(QWidget):
    """Shows one job.

    Attributes
    ----------
    asked : Signal(str)
        The action that the user requests: "folder", "stop", "resume", "remove" or "use".
    """

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.title = wrapped_label()
        self.title.setStyleSheet("font-weight: bold;")
        self.words = wrapped_label()
        self.bar = QProgressBar()
        self.bar.setRange(0, _PER_MILLE)
        self.bar.setToolTip("Completed share of the current stage.")
        self.loss, self.accuracy = JobLoss(), JobAccuracy()
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.log.setToolTip("The last lines of the job's output.")
        self.log.setMinimumHeight(72)
        # A text field requests a large height, which would make the panel scroll needlessly.
        self.log.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.buttons: dict[str, QPushButton] = {}
        grid = QGridLayout()
        for index, (action, (text, tooltip)) in enumerate(_ACTIONS.items()):
            button = self.buttons[action] = QPushButton(text)
            button.setToolTip(tooltip)
            button.clicked.connect(lambda _=False, action=action: self.asked.emit(action))
            # Three buttons above two; two rows leave space for the curves.
            row, column = divmod(index, 3)
            grid.addWidget(button, row, 2 * column if row == 0 else 3 * column, 1, 2 + row)
        column_box = QVBoxLayout(self)
        column_box.setContentsMargins(0, 0, 0, 0)
        for widget in (self.title, self.words, self.bar):
            column_box.addWidget(widget)
        column_box.addLayout(grid)
        for curve in (self.loss, self.accuracy):
            curve.setMinimumHeight(_CURVE_PX)
            curve.canvas.ci.layout.setContentsMargins(*_MARGINS_PX)
            column_box.addWidget(curve, 2)
        column_box.addWidget(self.log, 1)
        self.show_job(None)

    def show_job(self, job: JobWatch | None, *, stopping: bool = False) -> None:
        """Show the current state of a job."""
        self.setVisible(job is not None)
        if job is None:
            return
        status = job.state.status
        self.title.setText(f"{job.name}: {'stopping…' if stopping else status}")
        self.words.setText(in_words(job))
        self.bar.setValue(round(_PER_MILLE * (job.fraction or 0.0)))
        self.bar.setFormat(f"{100 * (job.fraction or 0.0):.0f} %")
        self.bar.setVisible(job.fraction is not None)
        self.loss.show_job(job)
        self.loss.setVisible(job.command == "train")
        self.accuracy.setVisible(self.accuracy.show_job(job))
        self._show_log(job)
        enabled = {
            "folder": True,
            "stop": job.state.live and not stopping,
            "resume": status in ("failed", "stopped", "damaged") and job.request is not None,
            "remove": not job.state.live,
            "use": job.bundle is not None,
        }
        for action, possible in enabled.items():
            self.buttons[action].setEnabled(possible)

    def set_theme(self, theme: PlotTheme) -> None:
        """Set the colours of the curves."""
        self.loss.set_theme(theme)
        self.accuracy.set_theme(theme)

    def _show_log(self, job: JobWatch) -> None:
        from anofpdm.jobs.log import log_tail

        text = "\n".join(log_tail(job.folder))
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            bar = self.log.verticalScrollBar()
            assert bar is not None
            bar.setValue(bar.maximum())


def in_words(job: JobWatch) -> str:
    """Describe a job: its message, stage, steps and time left."""
    from anofpdm.common.quantities import duration_in_words

    parts = [job.state.message] if job.state.message else []
    progress, left = job.progress, job.seconds_left
    if progress is not None and job.state.status != "done":
        steps = f"{progress.stage}: {progress.done} of {progress.total}"
        parts.append(steps if left is None else f"{steps}, {duration_in_words(left)} left")
    return "\n".join(parts)
