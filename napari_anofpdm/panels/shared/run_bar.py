"""`RunBar`: the progress of the run, and the button that cancels it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.widgets.busy_bar import BusyBar
from napari_anofpdm.widgets.field import wrapped_label

if TYPE_CHECKING:
    from anofpdm.analysis.progress import SliceProgress
    from napari_anofpdm.session.runner import RunState


class RunBar(QWidget):
    """A bar with stage, steps and time left; hidden while nothing runs."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = BusyBar()
        self.bar.setToolTip("Network steps done, out of all steps of all slices.")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop the run within one network call. Finished slices are kept.")
        self.words = wrapped_label()
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.words)
        self.cancel.clicked.connect(lambda: self.cancelled.emit())
        self.hide()

    def show_state(self, state: RunState) -> None:
        """Show the bar while a run is active."""
        self.setVisible(state != "idle")
        self.cancel.setEnabled(state == "running")
        if state == "cancelling":
            self.bar.setRange(0, 0)
            self.words.setText("Stopping…")

    def show_progress(self, progress: SliceProgress) -> None:
        """Show the progress of the run."""
        # A range of 0 to 0 makes the bar a busy indicator.
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        self.words.setText(progress_in_words(progress))


def progress_in_words(progress: SliceProgress) -> str:
    """Return stage, slices, steps and time left as text."""
    from anofpdm.common.quantities import duration_in_words

    if not progress.total:
        return f"{progress.stage}…"
    parts = [
        f"{progress.stage}: slice {progress.slices_done} of {progress.slices_total} done",
        f"step {progress.done} of {progress.total}",
    ]
    if progress.seconds_left is not None:
        parts.append(f"{duration_in_words(progress.seconds_left)} left")
    return ", ".join(parts)
