"""`Interpreter`: keeps a session's results up to date with its settings, slice and analysis."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from napari_anofpdm.host.notify import sentence_of, show_error
from napari_anofpdm.session.engine_thread import Task, is_cancelled, submit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from anofpdm import Analysis, Interpretation, Settings
    from anofpdm.results.native import NativeResult
    from napari_anofpdm.session.session import Session

_DELAY_MS = 150
# Settings that act on the scan's own voxels alone.
_ON_THE_SCAN = frozenset({"refinement", "min_component_ml"})
# Largest share of the time that repeated interpretation of a growing analysis may take.
_SHARE_WHILE_GROWING = 0.2


class Interpreter:
    """Interprets the slice in view at once, and the volume when the settings stop changing.

    The slice is interpreted on the GUI thread, within the time of a frame or two. The volume is
    interpreted on the thread "interpret", where a new request replaces the previous one. PyTorch
    is first imported on that thread, so that a stored analysis does not freeze the window.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ready = False
        self._task: Task | None = None
        self._parts: dict[int, Interpretation] = {}
        # Of earlier settings; a slider of the threshold need not go through the steps again.
        self._former: dict[int, Interpretation] = {}
        self._seconds = 0.0
        self._told: str | None = None
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._start)
        session.analysis_changed.connect(self._on_analysis)
        session.settings_changed.connect(self._on_settings)
        session.position_changed.connect(self._interpret_slice)
        session.shown_anyway_changed.connect(self._interpret_slice)
        session.slices_done.connect(self._on_slices)
        session.result_wanted.connect(self.hurry)
        session.closed.connect(self.stop)

    def hurry(self) -> None:
        """Interpret the volume now, without waiting for the settings to stop changing."""
        if self._timer.isActive():
            self._timer.start(0)

    def stop(self) -> None:
        """Cancel the current work."""
        # At the end of the process Qt may destroy its objects before the viewer is gone.
        if isalive(self._timer):
            self._timer.stop()
        self._parts = {}
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _on_analysis(self, analysis: Analysis | None) -> None:
        self.stop()
        self._former = {}
        self._told = None
        if analysis is not None and not self._ready:
            submit(_warm_up, on_done=self._on_ready, on_error=self._failed, lane="interpret")

    def _on_ready(self, _: object) -> None:
        self._ready = True
        self._interpret_slice()
        self._request(_DELAY_MS)

    def _on_settings(self) -> None:
        parts = self._parts
        self._former |= parts
        self.stop()
        self._parts = _same_on_the_network(parts, self._session.settings)
        self._interpret_slice()
        self._request(_DELAY_MS)

    def _on_slices(self, positions: list[int]) -> None:
        session = self._session
        if session.position in positions:
            self._interpret_slice()
        if self._task is None and (self._is_complete or not self._timer.isActive()):
            self._request(self._patience())

    @property
    def _is_complete(self) -> bool:
        analysis = self._session.analysis
        return analysis is not None and len(self._session.done) == len(analysis)

    def _patience(self) -> int:
        """Return the delay in milliseconds, longer for an analysis that still grows."""
        if self._is_complete:
            return _DELAY_MS
        return max(_DELAY_MS, round(1000 * self._seconds / _SHARE_WHILE_GROWING))

    def _request(self, delay: int) -> None:
        if self._ready and self._session.done and not self._session.is_closed:
            self._timer.start(delay)

    def _interpret_slice(self) -> None:
        session = self._session
        analysis, settings, position = session.analysis, session.settings, session.position
        if not self._ready or analysis is None or settings is None or session.is_closed:
            return
        if session.is_announcing or position not in session.done:
            return
        try:
            result = self._part(analysis, settings, position)
            mask = _mask_to_show(analysis, result, position, position in session.shown_anyway)
        except Exception as error:
            self._failed(error)
            return
        session.accept_slice(result, mask)

    def _part(self, analysis: Analysis, settings: Settings, position: int) -> Interpretation:
        """Return one slice under the current settings; it is computed once."""
        if position not in self._parts:
            former = self._former.get(position)
            self._parts[position] = _interpreted(analysis, settings, position, former)
        return self._parts[position]

    def _start(self) -> None:
        """Start interpreting all computed slices."""
        session = self._session
        analysis, settings = session.analysis, session.settings
        if analysis is None or settings is None or not session.done:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = submit(
            _interpret_volume,
            analysis,
            settings,
            sorted(session.done),
            dict(self._parts),
            dict(self._former),
            on_done=self._finish,
            on_error=self._failed,
            lane="interpret",
        )

    def _finish(self, volume: _Volume) -> None:
        self._task = None
        self._parts |= volume.parts
        self._seconds = volume.seconds
        self._told = None
        self._session.accept_volume(volume.result, volume.native)
        if len(volume.parts) < len(self._session.done):
            self._request(self._patience())

    def _failed(self, error: Exception) -> None:
        """Report a failure once: the next slice of a damaged analysis fails the same way."""
        from anofpdm.common.errors import Cancelled

        if isinstance(error, Cancelled):
            return
        self._task = None
        text = sentence_of(error, "interpreting the analysis")
        if text != self._told:
            self._told = text
            show_error(text)


def _same_on_the_network(
    parts: dict[int, Interpretation], settings: Settings | None
) -> dict[int, Interpretation]:
    """Return the slices that new settings leave as they are on the network's grid.

    A slider of the refinement then costs only the way to the scan's voxels.
    """
    if settings is None or not parts:
        return {}
    former = next(iter(parts.values())).settings
    if not _ON_THE_SCAN.issuperset(former.differences(settings)):
        return {}
    return {position: replace(part, settings=settings) for position, part in parts.items()}


@dataclass(frozen=True)
class _Volume:
    """Result of the thread "interpret"."""

    result: Interpretation
    native: NativeResult
    parts: dict[int, Interpretation]
    seconds: float


def _warm_up() -> None:
    """Import what interpretation needs, including PyTorch."""


def _interpret_volume(
    analysis: Analysis,
    settings: Settings,
    positions: list[int],
    parts: dict[int, Interpretation],
    former: dict[int, Interpretation],
) -> _Volume:
    """Interpret the slices missing in `parts`, and resample all to the scan's voxels."""
    from anofpdm.common.errors import Cancelled
    from anofpdm.method.interpretation import concatenate
    from anofpdm.results.native import to_native

    started = time.perf_counter()
    for position in positions:
        if is_cancelled():
            raise Cancelled("A newer interpretation replaces this one.")
        if position not in parts:
            parts[position] = _interpreted(analysis, settings, position, former.get(position))
    result = concatenate([parts[position] for position in positions])
    native = to_native(analysis, result)
    return _Volume(result, native, parts, time.perf_counter() - started)


def _interpreted(
    analysis: Analysis, settings: Settings, position: int, former: Interpretation | None
) -> Interpretation:
    """Interpret a slice, from its former interpretation where that suffices."""
    from anofpdm.method.interpretation import decide_again, interpret

    found = None
    if former is not None:
        found = decide_again(former, settings, analysis.foreground[position : position + 1])
    return interpret(analysis, settings, [position]) if found is None else found


def _mask_to_show(
    analysis: Analysis, result: Interpretation, position: int, shown_anyway: bool
) -> NDArray[np.bool_]:
    if shown_anyway and result.settings.gate and result.healthy[0]:
        ungated = result.settings.model_copy(update={"gate": False})
        result = _interpreted(analysis, ungated, position, result)
    mask: NDArray[np.bool_] = result.mask[0]
    return mask
