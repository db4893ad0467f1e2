"""`RunEnd`: brings the slice with most lesion into view when a run is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from anofpdm import Analysis
    from napari_anofpdm.session.runner import AnalysisRun
    from napari_anofpdm.session.session import Session


class RunEnd:
    """Waits for the result of a run that was not cancelled, then goes to its largest area.

    It does nothing if another analysis is in view by then.

    Parameters
    ----------
    session : Session
    run : AnalysisRun

    Attributes
    ----------
    arrived : Signal()
        The result is in view.
    """

    arrived = Signal()

    def __init__(self, session: Session, run: AnalysisRun) -> None:
        self._session = session
        self._awaited: Analysis | None = None
        run.finished.connect(self._on_finished)
        session.native_changed.connect(self._look)
        session.analysis_changed.connect(self._on_analysis)

    def _on_finished(self, analysis: Analysis) -> None:
        if analysis is self._session.analysis:
            self._awaited = analysis
            self._look()

    def _on_analysis(self, _: object = None) -> None:
        self._awaited = None

    def _look(self, _: object = None) -> None:
        session = self._session
        if self._awaited is None or session.is_closed or not session.is_current:
            return
        self._awaited = None
        session.set_position(most_affected(session))
        self.arrived.emit()


def most_affected(session: Session) -> int:
    """Return the position of the slice with the largest lesion area, or of the middle slice."""
    assert session.volume_result is not None
    area = session.volume_result.mask.sum(axis=(1, 2))
    return int(area.argmax()) if area.any() else len(area) // 2
