"""Two lesions at known places in the tiny scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anofpdm import Analysis, Settings
from anofpdm.method.settings import AbsoluteThreshold
from anofpdm.results.lesions import find_lesions
from anofpdm.results.native import NativeResult
from napari_anofpdm.session.session import Session
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def find_two_lesions(session: Session, analysis: Analysis, qtbot: QtBot) -> None:
    """Analyse, and put a mask with a large and a small lesion in place of the result."""
    session.set_analysis(analysis)
    session.set_settings(Settings(threshold=AbsoluteThreshold(value=0.001)))
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    assert session.native is not None and session.volume_result is not None
    mask = np.zeros_like(session.native.mask)
    mask[2:6, 2:5, 1:3] = 1
    mask[9:11, 10:12, 4] = 1
    lesions = find_lesions(mask, np.array(analysis.geometry.affine))
    native = NativeResult(mask, session.native.anomaly_map, lesions)
    session.accept_volume(session.volume_result, native)
