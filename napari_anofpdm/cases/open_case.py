"""`OpenCase`: brings a case of a worklist into view with the reader's work, and takes it away."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_anofpdm.cases.case_saver import CaseSaver
from napari_anofpdm.host.notify import show_failure, show_info, show_warning
from napari_anofpdm.layers.roles import ROLE, SOURCES

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from anofpdm import Analysis
    from anofpdm.worklist.case import Case
    from anofpdm.worklist.case_review import CaseReview
    from napari_anofpdm.layers.scan_link import ScanLink
    from napari_anofpdm.session.scan import Scan
    from napari_anofpdm.session.session import Session

    OpenPaths = Callable[[Viewer, Iterable[str | Path]], list[Layer]]

_STEM = "analysis "  # of the names of layers from a stored analysis in a folder of results


class OpenCase:
    """At most one case is open; opening another one stores and closes it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    scans : ScanLink
    open_paths : callable
        Opens files in the viewer.

    Attributes
    ----------
    changed : Signal(Case or None)
        Another case is open.
    saver : CaseSaver
    case : Case or None
    """

    changed = Signal(object)

    def __init__(
        self, viewer: Viewer, session: Session, scans: ScanLink, open_paths: OpenPaths
    ) -> None:
        self._viewer, self._session, self._scans = weakref.ref(viewer), session, scans
        self._open_paths = open_paths
        self._layers: list[Layer] = []
        self._scan: Scan | None = None
        self._review: CaseReview | None = None
        self._restores = self._waits_for_edited = False
        self.saver = CaseSaver(session)
        self.case: Case | None = None
        session.analysis_changed.connect(self._on_analysis)
        session.native_changed.connect(self._on_native)
        session.edited_changed.connect(self._on_edited)

    def open(self, case: Case) -> None:
        """Close the case in view and open another one; faults are shown in one sentence.

        With a stored analysis, settings, verdicts and corrected mask come back; otherwise the
        scans are opened, with mask and map where there are some.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        self.close()
        paths = [case.analysis] if case.analysis is not None else _files_of(case)
        if not paths:
            show_info(f"{case.name} has no scans to open{_because(case)}.")
            return
        self._review = _stored_review(case) if case.analysis is not None else None
        self.case, self._restores = case, case.analysis is not None
        self._layers = self._open_paths(viewer, [path for path in paths if path is not None])
        if self._restores:  # they are called after the file, which has one name in all cases
            for layer in self._layers:
                layer.name = f"{case.name} {layer.name.removeprefix(_STEM)}".strip()
        if self._layers:
            self._scan = self._scans.scan_of([self._layers[0]])
            self._session.scan_wanted.emit(self._scan)
            if not self._restores:
                self.saver.watch(case, self._scan, None)
            else:  # the analysis may have come while napari made the layers
                self._on_analysis(self._session.analysis)
                self._on_native()
        self.changed.emit(case)

    def close(self) -> None:
        """Store what waits, and take the case's layers and analysis away."""
        viewer, session = self._viewer(), self._session
        if self.case is None or viewer is None:
            return
        self.saver.leave()
        analysis = self._analysis()
        self.case = self._review = None
        self._restores = self._waits_for_edited = False
        if analysis is not None:
            sources = analysis.metadata.sources
            self._layers += [
                layer
                for layer in viewer.layers
                if layer.metadata.get(ROLE) == "mask" and layer.metadata.get(SOURCES) == sources
            ]
            session.close_analysis(analysis)
        for layer in self._layers:
            if layer in viewer.layers:
                viewer.layers.remove(layer)
        self._layers, self._scan = [], None
        self.changed.emit(None)

    def _analysis(self) -> Analysis | None:
        session, scan = self._session, self._scan
        if scan is None:
            return None
        return session.analysis if session.scan is scan else session.kept_analysis(scan)

    def _is_restoring(self) -> bool:
        return self._restores and self._session.scan is self._scan and self.case is not None

    def _on_analysis(self, analysis: Analysis | None) -> None:
        """Bring the reader's settings back."""
        review = self._review
        if not self._is_restoring() or analysis is None or review is None:
            return
        if review.settings is None or self._session.settings == review.settings.settings:
            return
        try:
            self._session.set_settings(review.settings.settings)
        except Exception as error:
            show_failure(error, "restoring the settings")

    def _on_native(self, _: object = None) -> None:
        """Bring the corrected mask back, or the verdicts on the lesions that were found."""
        session, review = self._session, self._review
        if not self._is_restoring() or not session.is_current or session.is_announcing:
            return
        if review is not None and review.edited is not None:
            if session.edited is None:
                self._show_edited(review.edited)
            return
        self._finish()

    def _show_edited(self, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
        from napari_anofpdm.layers.layer_making import mask_layer

        viewer, analysis, review = self._viewer(), self._session.analysis, self._review
        if viewer is None or analysis is None or review is None:
            return
        self._review = replace(review, edited=None)  # shown once
        if mask.shape != analysis.geometry.shape:
            show_warning("The corrected mask belongs to another scan and was left out.")
            self._finish()
            return
        volume = analysis.geometry.as_volume(mask.astype(np.uint8))
        # It counts from its measuring on; the verdicts are on its lesions.
        self._waits_for_edited = True
        viewer.add_layer(mask_layer(volume, analysis.metadata.sources))

    def _on_edited(self, edited: object) -> None:
        if self._waits_for_edited and edited is not None and self._is_restoring():
            self._waits_for_edited = False
            self._finish()

    def _finish(self) -> None:
        """Bring the verdicts back; from now on changes are stored."""
        session, review, case = self._session, self._review, self.case
        shown, analysis = session.reviews.shown, session.analysis
        if case is None or self._scan is None or shown is None or analysis is None:
            return
        self._restores, self._review = False, None
        if review is not None and review.measurements:
            session.measurements.restore(review.measurements)
        if review is not None and review.lesions is not None:
            try:
                affine = np.asarray(analysis.geometry.affine)
                session.set_review(review.lesions.on(shown.lesions, affine).review)
            except Exception as error:
                show_failure(error, "restoring the verdicts")
        self.saver.watch(case, self._scan, analysis)


def _files_of(case: Case) -> list[Path]:
    from anofpdm.results.folder import ANOMALY_MAP_FILE, MASK_FILE

    results = [case.folder / name for name in (ANOMALY_MAP_FILE, MASK_FILE)]
    scans = [path for path in case.images.values() if path.exists()]
    return [*scans, *(path for path in results if path.is_file())]


def _because(case: Case) -> str:
    return f": {case.problem.rstrip('.')}" if case.problem else ""


def _stored_review(case: Case) -> CaseReview | None:
    from anofpdm.worklist.case_review import load_review

    try:
        return load_review(case)
    except Exception as error:
        show_failure(error, "reading the review")
        return None
