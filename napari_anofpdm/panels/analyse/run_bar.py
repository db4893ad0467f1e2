"""`RunBar`: how far the run has come, and the button that stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.widgets.field import wrapped_label

if TYPE_CHECKING:
    from anofpdm.analysis.progress import SliceProgress
    from napari_anofpdm.session.runner import RunState


class RunBar(QWidget):
    """A bar with stage, steps and time left; hidden while nothing runs."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setToolTip("Network steps done, of all steps of all slices.")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip(
            "Stop the run within one call of the network; slices that are done stay."
        )
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
        """Come and go with the run."""
        self.setVisible(state != "idle")
        self.cancel.setEnabled(state == "running")
        if state == "cancelling":
            self.bar.setRange(0, 0)
            self.words.setText("Stopping…")

    def show_progress(self, progress: SliceProgress) -> None:
        """Show how far the run has come."""
        # A range of 0 to 0 makes a bar that only says that something goes on.
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        self.words.setText(progress_in_words(progress))


def progress_in_words(progress: SliceProgress) -> str:
    """Stage, slices, steps and time left."""
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
