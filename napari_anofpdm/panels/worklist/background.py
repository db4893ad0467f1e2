"""`Background`: analyses all cases of a worklist in a job of the queue, and watches it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from anofpdm.worklist.worklist import Worklist

_LOOK_MS = 2000


class Background(QObject):
    """At most one job; it runs on when the panel or the viewer is closed.

    Attributes
    ----------
    changed : Signal()
        The job got on, or ended.
    job : Path or None
        Its folder.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.job: Path | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def is_running(self) -> bool:
        """Whether the job waits or runs."""
        from anofpdm.jobs.state import state_of

        return self.job is not None and state_of(self.job).live

    def start(self, worklist: Worklist, bundle: str, device: str) -> None:
        """Analyse the cases that are not analysed yet.

        Raises
        ------
        AnofpdmError
            When the job cannot be started.
        """
        from anofpdm.jobs.start import start_job

        self.job = start_job(
            [
                "segment-cohort",
                str(worklist.source),
                "--out",
                str(worklist.root),
                "--bundle",
                bundle,
                "--device",
                device,
                "--keep-analysis",
            ]
        )
        self._timer.start()
        self.changed.emit()

    def words(self) -> str:
        """Say in a few words how far the job is."""
        if self.job is None:
            return ""
        from anofpdm.jobs.state import state_of

        state = state_of(self.job)
        text = {
            "queued": "Waiting for an earlier job.",
            "running": "Analysing in the background.",
            "done": "The analysis in the background is done.",
            "stopped": "The analysis in the background was stopped.",
        }.get(state.status, "The analysis in the background failed.")
        return text if state.live else f"{text} {state.message}".strip()

    def _look(self) -> None:
        if not self.is_running:
            self._timer.stop()
        self.changed.emit()
