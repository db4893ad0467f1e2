"""`CompareRun`: the single comparison that a viewer makes, from start to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from anofpdm.analysis.progress import SliceProgress
from napari_anofpdm.comparing.request import CompareRequest, compare
from napari_anofpdm.host.notify import sentence_of, show_error, show_info
from napari_anofpdm.session.engine_thread import Task, is_cancelled, post, submit

if TYPE_CHECKING:
    from anofpdm.results.follow_up.comparison import FollowUp
    from napari_anofpdm.comparing.comparison import Comparison
    from napari_anofpdm.session.session import Session

RunState = Literal["idle", "running", "cancelling"]


class CompareRun:
    """Compares two examinations on the engine thread and hands the result to the comparison.

    However it ends, the state is then "idle", and `ended` has one sentence.

    Parameters
    ----------
    comparison : Comparison
    session : Session
        The run stops when it is closed.

    Attributes
    ----------
    state_changed : Signal(str)
        "idle", "running" or "cancelling".
    progressed : Signal(SliceProgress)
    ended : Signal(str)
        Empty after a success or when the viewer was closed.
    """

    state_changed = Signal(str)
    progressed = Signal(object)
    ended = Signal(str)

    def __init__(self, comparison: Comparison, session: Session) -> None:
        self._comparison, self._session = comparison, session
        self._task: Task | None = None
        self.state: RunState = "idle"
        self.progress = SliceProgress("")
        session.closed.connect(self.cancel)

    def start(self, request: CompareRequest) -> None:
        """Start a comparison.

        Raises
        ------
        RuntimeError
            If one is already running.
        """
        if self.state != "idle":
            raise RuntimeError("a comparison is already running")
        self._set_state("running")
        self._on_stage("Waiting for the engine")
        self._task = submit(self._perform, request, on_done=self._done, on_error=self._failed)

    def cancel(self) -> None:
        """Ask the comparison to stop; nothing of it is kept."""
        if self._task is not None and self.state == "running":
            self._task.cancel()
            self._set_state("cancelling")

    def _perform(self, request: CompareRequest) -> FollowUp:
        from anofpdm.results.follow_up.comparison import FollowUpListener

        listener = FollowUpListener(
            stage=lambda text: post(self._on_stage, text),
            progress=lambda progress: post(self._on_progress, progress),
            should_cancel=is_cancelled,
        )
        return compare(request, listener)

    def _set_state(self, state: RunState) -> None:
        self.state = state
        self.state_changed.emit(state)

    def _on_stage(self, text: str) -> None:
        self._on_progress(SliceProgress(text))

    def _on_progress(self, progress: SliceProgress) -> None:
        self.progress = progress
        self.progressed.emit(progress)

    def _done(self, found: FollowUp) -> None:
        self._end("")
        if not self._session.is_closed:
            self._comparison.show(found)

    def _failed(self, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if self._session.is_closed:
            self._end("")
        elif isinstance(error, Cancelled):
            self._end("The comparison was cancelled.")
            show_info("The comparison was cancelled.")
        else:
            text = sentence_of(error, "comparing")
            self._end(text)
            show_error(text)

    def _end(self, text: str) -> None:
        self._task = None
        self.progress = SliceProgress("")
        self._set_state("idle")
        self.ended.emit(text)
