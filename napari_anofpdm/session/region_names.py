"""`RegionNames`: the approximate regions of the lesions, by a fit of the scan to a template."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from psygnal import Signal

from napari_anofpdm.host.notify import sentence_of, show_warning
from napari_anofpdm.session.engine_thread import Task, is_cancelled, submit

if TYPE_CHECKING:
    from anofpdm import Analysis
    from anofpdm.preprocessing.atlas import TemplateFit
    from anofpdm.results.lesions import Lesions
    from napari_anofpdm.session.session import Session

UNNAMED = "unnamed"
"""What the core calls a place far from all regions."""
_FITTING = "Fitting the scan to the template…"


class RegionNames:
    """Names the lesions of the analysis in view while the user wants it.

    Scan and template are fitted once for each analysis, on the engine thread; names then follow
    the settings at once.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    changed : Signal()
        Names, or the reason why there are none, have changed.
    wanted : bool
    state : str
        Why there are no names, in a sentence; empty if there are names or none are wanted.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self._fits: WeakKeyDictionary[Analysis, TemplateFit] = WeakKeyDictionary()
        self._faults: WeakKeyDictionary[Analysis, str] = WeakKeyDictionary()
        self._task: Task | None = None
        self.wanted = False
        session.analysis_changed.connect(self._on_analysis)
        session.native_changed.connect(self._look)
        session.closed.connect(self._stop)

    @property
    def fit(self) -> TemplateFit | None:
        """The fit of the analysis in view, if names are wanted and it succeeded."""
        analysis = self._session.analysis
        return self._fits.get(analysis) if self.wanted and analysis is not None else None

    @property
    def state(self) -> str:
        """See the class."""
        analysis = self._session.analysis
        if not self.wanted or analysis is None or self.fit is not None:
            return ""
        return self._faults.get(analysis, _FITTING)

    def set_wanted(self, wanted: bool) -> None:
        """Name the lesions, or not."""
        if wanted != self.wanted:
            self.wanted = wanted
            if not wanted:
                self._stop()
            self._look()
            self.changed.emit()

    def of(self, lesions: Lesions) -> dict[int, str]:
        """Return the region near each lesion by its number; empty while there is no fit."""
        if self.fit is None:
            return {}
        names = self.fit.names([lesion.centre_mm for lesion in lesions.table])
        return {lesion.number: name for lesion, name in zip(lesions.table, names, strict=True)}

    def _on_analysis(self, _: object = None) -> None:
        self._stop()
        self._look()
        self.changed.emit()

    def _look(self, _: object = None) -> None:
        """Fit the scan, once the analysis is complete and has a result."""
        analysis, session = self._session.analysis, self._session
        if not self.wanted or analysis is None or self._task is not None or session.is_closed:
            return
        if session.native is None or len(session.done) < len(analysis):
            return
        if analysis in self._fits or analysis in self._faults:
            return
        self._task = submit(
            _fit,
            analysis,
            on_done=lambda fit: self._fitted(analysis, fit),
            on_error=lambda error: self._failed(analysis, error),
        )

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _fitted(self, analysis: Analysis, fit: TemplateFit) -> None:
        from anofpdm.results.regions import fault_of

        self._task = None
        fault = fault_of(fit)
        if fault is None:
            self._fits[analysis] = fit
            self.changed.emit()
        else:
            self._tell(analysis, fault)

    def _failed(self, analysis: Analysis, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if isinstance(error, Cancelled):
            return
        self._task = None
        self._tell(analysis, sentence_of(error, "naming the regions"))

    def _tell(self, analysis: Analysis, fault: str) -> None:
        self._faults[analysis] = fault
        if not self._session.is_closed:
            show_warning(fault)
            self.changed.emit()


def _fit(analysis: Analysis) -> TemplateFit:
    from anofpdm.results.regions import fit_of_analysis

    return fit_of_analysis(analysis, should_cancel=is_cancelled)
