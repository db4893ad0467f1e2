"""`AnalysisRun`: the single run of a viewer, from start to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from anofpdm.analysis.progress import SliceProgress
from napari_anofpdm.host.notify import sentence_of, show_error, show_info, show_warning
from napari_anofpdm.session.engine_thread import Task, is_cancelled, post, submit
from napari_anofpdm.session.run_request import RunListener, RunRequest, perform

if TYPE_CHECKING:
    from napari.layers import Layer

    from anofpdm import Analysis
    from napari_anofpdm.session.scan import Scan
    from napari_anofpdm.session.session import Session

RunState = Literal["idle", "running", "cancelling"]


class AnalysisRun:
    """Runs the network on the engine thread and passes finished slices to the session.

    However a run ends (done, cancelled, failed, scan removed from the viewer), the state is then
    "idle" and the user gets one message. An earlier analysis of the scan stays until the new one
    has its first slice. Slices that were finished before an early end are kept. The user may look
    at other scans meanwhile.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    state_changed : Signal(str)
        "idle", "running" or "cancelling".
    progressed : Signal(SliceProgress)
    finished : Signal(Analysis)
        All slices are done; after `ended`.
    ended : Signal(str)
        One sentence on the outcome; empty when the viewer was closed.
    """

    state_changed = Signal(str)
    progressed = Signal(object)
    finished = Signal(object)
    ended = Signal(str)

    def __init__(self, session: Session) -> None:
        self._session = session
        self._task: Task | None = None
        self._request: RunRequest | None = None
        self._growing: Analysis | None = None
        self._finished: set[int] = set()
        self._shown = False
        self._layers: tuple[Layer, ...] = ()
        self._scan: Scan | None = None
        self._lost: str | None = None
        self.state: RunState = "idle"
        self.progress = SliceProgress("")
        self.outcome = ""
        session.closed.connect(self._on_closed)

    def start(
        self, request: RunRequest, layers: Sequence[Layer] = (), scan: Scan | None = None
    ) -> None:
        """Start a run.

        Parameters
        ----------
        request : RunRequest
        layers : sequence of Layer
            The run stops when `lose` names one of them.
        scan : Scan, optional
            What they show; the scan in view by default.

        Raises
        ------
        RuntimeError
            If a run is already active.
        """
        if self.state != "idle":
            raise RuntimeError("a run is already active")
        self._layers, self._lost, self._growing = tuple(layers), None, None
        self._scan = self._session.scan if scan is None else scan
        if self._scan is not None:
            self._scan.is_changed = False
        self._finished, self._shown = set(), False
        self._request = request
        self._set_state("running")
        self._on_stage("Waiting for the engine")
        listener = RunListener(
            stage=lambda text: post(self._on_stage, text),
            started=lambda analysis: post(self._on_started, analysis),
            slices=lambda positions: post(self._on_slices, positions),
            progress=lambda progress: post(self._on_progress, progress),
        )
        self._task = submit(
            perform, request, listener, is_cancelled, on_done=self._done, on_error=self._failed
        )

    def cancel(self) -> None:
        """Ask the run to stop; it stops within one network call."""
        if self._task is not None and self.state == "running":
            self._task.cancel()
            self._set_state("cancelling")

    def lose(self, layer: Layer) -> None:
        """Stop the run if it works on a layer that was removed from the viewer."""
        if self.state == "running" and any(layer == each for each in self._layers):
            self._lost = layer.name
            self.cancel()

    def _set_state(self, state: RunState) -> None:
        self.state = state
        self.state_changed.emit(state)

    def _on_stage(self, text: str) -> None:
        self.progress = SliceProgress(text)
        self.progressed.emit(self.progress)

    def _on_started(self, analysis: Analysis) -> None:
        self._growing = analysis
        self._on_stage("Starting the network")
        if analysis.metadata.warnings:
            show_warning(self._in_short(" ".join(analysis.metadata.warnings)))

    def _on_slices(self, positions: list[int]) -> None:
        growing, session = self._growing, self._session
        if growing is None:
            return
        self._finished.update(positions)
        if not self._shown:
            self._shown = True
            session.set_analysis(growing, done=self._finished, scan=self._scan)
        else:
            # Unless another analysis took its place meanwhile; the run comes back at its end.
            session.add_done(positions, growing)

    def _on_progress(self, progress: SliceProgress) -> None:
        self.progress = replace(progress, stage="Running the network")
        self.progressed.emit(self.progress)

    def _on_closed(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _done(self, analysis: Analysis) -> None:
        if self._session.is_closed:
            self._end("")
            return
        if self._growing is not None and self._session.holds(self._growing):
            self._session.finish_analysis(self._growing, analysis)
        else:
            self._session.set_analysis(analysis, scan=self._scan)
        count = len(analysis)
        self._end(f"Analysed {count} slice{'' if count == 1 else 's'}.")
        self.finished.emit(analysis)

    def _failed(self, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if self._session.is_closed:
            self._end("")
            return
        kept = self._keep_finished()
        if self._lost is not None:
            text = f"The run stopped because the layer '{self._lost}' was removed.{kept}"
            self._end(text)
            show_warning(text)
        elif isinstance(error, Cancelled):
            text = f"The run was cancelled.{kept}"
            self._end(text)
            show_info(text)
        else:
            text = f"{self._in_short(sentence_of(error, 'running'))}{kept}"
            self._end(text)
            show_error(text)

    def _keep_finished(self) -> str:
        """Keep the finished slices in view; return a sentence about them."""
        from anofpdm.analysis.growing import finished_part

        growing, session = self._growing, self._session
        if growing is None or not session.holds(growing):
            return ""
        part = finished_part(growing)
        if part is None:
            session.close_analysis(growing)
            return ""
        session.set_analysis(part, scan=self._scan)
        return f" Finished slices: {len(part)}."

    def _in_short(self, text: str) -> str:
        return text if self._request is None else self._request.in_short(text)

    def _end(self, text: str) -> None:
        self._task, self._growing, self._layers = None, None, ()
        self._request = self._scan = None
        self.outcome = text
        self.progress = SliceProgress("")
        self._set_state("idle")
        self.ended.emit(text)
