"""`Bodies`: the surfaces of the analysis in view, computed in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from napari_anofpdm.host.notify import show_failure
from napari_anofpdm.session.engine_thread import submit

if TYPE_CHECKING:
    from anofpdm import Analysis
    from anofpdm.results.lesions import Lesions
    from anofpdm.results.pictures.surfaces import Surface
    from napari_anofpdm.session.session import Session

_SETTLED_MS = 250


class Bodies:
    """Surfaces of the brain, once for each analysis, and of the lesions, after each change.

    They follow the mask in view, an edited one included, some time after it stops changing, and
    only while they are wanted.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    changed : Signal()
        A surface is new, or gone.
    brain, lesions : Surface or None
        In RAS mm; None until computed.
    analysis : Analysis or None
        The one that they belong to.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self.brain: Surface | None = None
        self.lesions: Surface | None = None
        self.analysis: Analysis | None = None
        self._lesions_of: Lesions | None = None
        self._wanted = self._busy = False
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLED_MS)
        self._soon.timeout.connect(self._renew)
        session.analysis_changed.connect(self._on_analysis)
        session.native_changed.connect(self._on_lesions)
        session.edited_changed.connect(self._on_lesions)
        session.closed.connect(self._stop)

    def want(self, wanted: bool) -> None:
        """Say whether the surfaces are in view; they are computed only then."""
        self._wanted = wanted
        if wanted:
            self._renew()

    def _on_analysis(self, _: object = None) -> None:
        self.brain = self.lesions = self._lesions_of = None
        self.analysis = self._session.analysis
        self.changed.emit()
        self._on_lesions()

    def _on_lesions(self, _: object = None) -> None:
        if self._wanted and not self._session.is_closed:
            self._soon.start()

    def _renew(self) -> None:
        session = self._session
        analysis, shown = session.analysis, session.reviews.shown
        if not self._wanted or self._busy or session.is_closed or analysis is None:
            return
        if self.analysis is not analysis:
            self.brain = self.lesions = self._lesions_of = None
            self.analysis = analysis
        lesions = None if shown is None else shown.lesions
        wants_brain = self.brain is None
        wants_lesions = lesions is not None and lesions is not self._lesions_of
        if not wants_brain and not wants_lesions:
            return
        # The lesions are computed first: they are what a reader waits for.
        self._busy = True

        def done(surface: Surface) -> None:
            self._busy = False
            if analysis is self._session.analysis:
                if wants_lesions:
                    self.lesions, self._lesions_of = surface, lesions
                else:
                    self.brain = surface
                self.changed.emit()
            self._renew()

        def failed(error: Exception) -> None:
            self._busy = False
            if wants_lesions:
                self._lesions_of = lesions
            else:
                self._wanted = False
            show_failure(error, "drawing surfaces")

        if wants_lesions:
            assert lesions is not None
            submit(_of_lesions, analysis, lesions, on_done=done, on_error=failed, lane="draw")
        else:
            submit(_of_brain, analysis, on_done=done, on_error=failed, lane="draw")

    def _stop(self) -> None:
        self._wanted = False
        self.brain = self.lesions = self._lesions_of = self.analysis = None
        # At the end of the process Qt may destroy its objects before the viewer is gone.
        if isalive(self._soon):
            self._soon.stop()


def _of_lesions(analysis: Analysis, lesions: Lesions) -> Surface:
    from anofpdm.results.pictures.surfaces import surface_of

    return surface_of(lesions.labels, np.array(analysis.geometry.affine))


def _of_brain(analysis: Analysis) -> Surface:
    from anofpdm.results.pictures.surfaces import brain_surface

    return brain_surface(analysis.foreground_native, np.array(analysis.geometry.affine))
