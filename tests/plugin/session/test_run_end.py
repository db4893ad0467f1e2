from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from psygnal import Signal

from anofpdm import Analysis, Interpretation
from anofpdm.results.native import NativeResult
from napari_anofpdm.session.run_end import RunEnd
from napari_anofpdm.session.runner import AnalysisRun
from napari_anofpdm.session.session import Session


class Run:
    finished = Signal(object)


@pytest.fixture
def session(tiny_analysis: Analysis) -> Session:
    session = Session()
    session.set_analysis(tiny_analysis)
    return session


def _result(session: Session, largest: int) -> tuple[Interpretation, NativeResult]:
    assert session.analysis is not None
    count = len(session.analysis)
    mask = np.zeros((count, 4, 4), dtype=bool)
    mask[0, 0, 0] = mask[largest, :2] = True
    result = SimpleNamespace(mask=mask, settings=session.settings, slice_ids=np.arange(count))
    return cast(Interpretation, result), cast(NativeResult, SimpleNamespace(lesions=None))


def test_after_a_run_the_slice_with_most_lesion_comes_into_view(session: Session) -> None:
    run, arrived = Run(), []
    end = RunEnd(session, cast(AnalysisRun, run))
    end.arrived.connect(lambda: arrived.append(session.position))
    run.finished.emit(session.analysis)
    assert arrived == []
    session.accept_volume(*_result(session, 2))
    assert arrived == [2]
    # A later change of settings moves nothing.
    session.set_position(1)
    session.accept_volume(*_result(session, 2))
    assert session.position == 1


def test_another_analysis_in_view_stays_where_it_is(session: Session) -> None:
    run, arrived = Run(), []
    end = RunEnd(session, cast(AnalysisRun, run))
    end.arrived.connect(lambda: arrived.append(session.position))
    run.finished.emit(cast(Analysis, SimpleNamespace()))
    session.accept_volume(*_result(session, 2))
    assert arrived == []
