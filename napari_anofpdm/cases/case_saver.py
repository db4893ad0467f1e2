"""`CaseSaver`: stores the reader's work on a case a moment after each change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from napari_anofpdm.host.notify import show_failure
from napari_anofpdm.session.engine_thread import submit

if TYPE_CHECKING:
    from anofpdm import Analysis
    from anofpdm.worklist.case import Case
    from napari_anofpdm.session.scan import Scan
    from napari_anofpdm.session.session import Session

_SOON_MS = 700


class CaseSaver:
    """Watches the session while the scan of a case is in view.

    Settings, verdicts, notes, measurements and the edited mask are stored together, and a new
    analysis once it is complete. What is to be stored is taken at the change, so another scan in
    view loses nothing.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    saved : Signal()
        Something was stored.
    """

    saved = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self._case: Case | None = None
        self._scan: Scan | None = None
        self._stored: Analysis | None = None
        self._waiting: Callable[[], None] | None = None
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(lambda: self.flush())
        for changed in (session.review_changed, session.settings_changed, session.edited_changed):
            changed.connect(self._on_change)
        session.measurements.changed.connect(self._on_change)
        session.native_changed.connect(self._on_native)
        session.closed.connect(self._on_closed)

    def watch(self, case: Case, scan: Scan, stored: Analysis | None) -> None:
        """Store the work on a case from now on.

        Parameters
        ----------
        case : Case
        scan : Scan
            The case's, in the viewer.
        stored : Analysis or None
            Its analysis, if that is already in the case's folder.
        """
        self._case, self._scan, self._stored = case, scan, stored
        self._store_new()

    def leave(self) -> None:
        """Store what waits, and watch nothing any more."""
        self.flush()
        self._case = self._scan = self._stored = None

    def flush(self, *, now: bool = False) -> None:
        """Store what waits; `now` waits for it."""
        if isalive(self._soon):
            self._soon.stop()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and now:
            try:
                waiting()
            except Exception as error:
                show_failure(error, "storing the review")
        elif waiting is not None:
            submit(
                waiting,
                on_done=lambda _: self.saved.emit(),
                on_error=lambda error: show_failure(error, "storing the review"),
                lane="interpret",
            )

    def _is_in_view(self) -> bool:
        session = self._session
        return self._case is not None and session.scan is self._scan and not session.is_closed

    def _on_change(self, _: object = None) -> None:
        session, case = self._session, self._case
        analysis, settings, shown = session.analysis, session.settings, session.reviews.shown
        if not self._is_in_view() or case is None or analysis is None or settings is None:
            return
        if shown is None:
            return
        from anofpdm.worklist.case_review import save_review

        edited = None if session.edited is None else session.edited.mask
        drawn = session.measurements.items

        def save(reviewed: Any = shown) -> None:
            save_review(case, analysis, settings, reviewed, edited, drawn)

        self._waiting = save
        self._soon.start()

    def keep(self) -> None:
        """Store the work on the case as it is now, changed or not."""
        self._on_change()
        self.flush()

    def _on_native(self, _: object = None) -> None:
        """Store the lesions of new settings, or of a new analysis."""
        self._store_new()
        if self._is_in_view() and self._session.is_current:
            self._on_change()

    def _store_new(self) -> None:
        """Store an analysis that is complete and not stored yet."""
        session, case, analysis = self._session, self._case, self._session.analysis
        if not self._is_in_view() or case is None or analysis is None or not session.is_current:
            return
        if len(session.done) == len(analysis) and analysis is not self._stored:
            self._stored = analysis
            self._store(case, analysis)

    def _store(self, case: Case, analysis: Analysis) -> None:
        from anofpdm.results.folder import ANALYSIS_FOLDER

        submit(
            lambda: analysis.save(case.folder / ANALYSIS_FOLDER, overwrite=True),
            on_done=lambda _: self.saved.emit(),
            on_error=lambda error: show_failure(error, "storing the analysis"),
            lane="interpret",
        )

    def _on_closed(self) -> None:
        """Store what waits before the threads end with the viewer."""
        self.flush(now=True)
