from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from anofpdm import Analysis
from napari_anofpdm.layers import analysis_opener
from napari_anofpdm.session.session import Session
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer


def test_a_layer_of_a_stored_analysis_opens_it(
    viewer: Viewer, session: Session, tiny_analysis: Analysis, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tiny_analysis.save(tmp_path / "scan.anofpdm.zarr").path
    for _ in range(2):
        viewer.add_image(np.zeros((4, 5, 6)), metadata={"anofpdm_analysis": str(path)})
    qtbot.waitUntil(lambda: session.analysis is not None, timeout=LONG)
    opened = session.analysis
    assert opened is not None and opened.path == path
    viewer.add_image(np.zeros((4, 5, 6)), metadata={"anofpdm_analysis": str(path)})
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    assert session.analysis is opened


def test_an_analysis_that_has_gone_is_one_message(
    viewer: Viewer, session: Session, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def hear(error: Exception, doing: str) -> None:
        del doing
        told.append(str(error))

    monkeypatch.setattr(analysis_opener, "show_failure", hear)
    gone = tmp_path / "gone.anofpdm.zarr"
    viewer.add_image(np.zeros((4, 5, 6)), metadata={"anofpdm_analysis": str(gone)})
    qtbot.waitUntil(lambda: bool(told), timeout=LONG)
    assert len(told) == 1 and "gone.anofpdm.zarr" in told[0]
    assert session.analysis is None
