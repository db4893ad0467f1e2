"""The regions of lesions: named once the scan fits the template, in table, sentence and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from anofpdm import Analysis
from anofpdm.common.errors import SettingsError
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.preprocessing.atlas import TemplateFit
from anofpdm.preprocessing.similarity import SimilarityTest
from napari_anofpdm.panels.explore.lesion_list import LesionList
from napari_anofpdm.panels.explore.lesion_model import PEAK, REGION
from napari_anofpdm.panels.export.exports import Export, write_export
from napari_anofpdm.session.session import Session
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_anofpdm.app.context import Context

SETTINGS = Settings(
    guidance=1.0,
    threshold=AbsoluteThreshold(value=0.001),
    median_kernel=1,
    min_component_pixels=0,
)
FITS, FITS_BY_CHANCE = SimilarityTest(1.0, 0.1), SimilarityTest(0.1, 0.1)


@pytest.fixture
def listed(viewer: Viewer, context: Context, qtbot: QtBot, tiny_analysis: Analysis) -> LesionList:
    """The lesions of a mask that has some."""
    listed = LesionList(viewer, context.session, context.regions)
    qtbot.addWidget(listed)
    session = context.session
    session.set_analysis(tiny_analysis)
    session.set_settings(SETTINGS)
    qtbot.waitUntil(lambda: session.is_current and listed.model.rowCount() > 0, timeout=LONG)
    return listed


def fitting(monkeypatch: pytest.MonkeyPatch, result: SimilarityTest | Exception) -> list[Any]:
    fitted: list[Any] = []

    def fit(scan: Any, brain: Any, should_cancel: Any) -> TemplateFit:
        fitted.append(scan)
        if isinstance(result, Exception):
            raise result
        return TemplateFit(np.eye(4), result)

    monkeypatch.setattr("anofpdm.preprocessing.atlas.fit_template", fit)
    return fitted


def regions(listed: LesionList) -> list[str]:
    model = listed.model
    return [model.index(row, REGION).data() for row in range(model.rowCount())]


def test_regions_stand_in_the_table_the_sentence_and_the_files(
    listed: LesionList,
    context: Context,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    session, fitted = context.session, fitting(monkeypatch, FITS)
    assert listed.table.isColumnHidden(REGION) and not listed.table.isColumnHidden(PEAK)
    listed.name_regions.click()
    assert listed.region_state.text().startswith("Fitting")
    qtbot.waitUntil(lambda: not listed.table.isColumnHidden(REGION), timeout=LONG)
    assert session.lesions is not None
    wanted = TemplateFit(np.eye(4), FITS).names([x.centre_mm for x in session.lesions.table])
    assert regions(listed) == wanted and listed.region_state.isHidden()
    if wanted[0] != "unnamed":
        assert f"near the {wanted[0]}" in listed.summary.text()
    # Other settings have other lesions; the scan is fitted once.
    session.update_settings(min_component_ml=session.lesions.table[0].volume_ml * 0.99)
    qtbot.waitUntil(lambda: session.is_current and listed.model.rowCount() == 1, timeout=LONG)
    assert regions(listed) == wanted[:1] and len(fitted) == 1
    export = _export(session, context)
    write_export(export, tmp_path / "out", ("lesions.csv", "report.json"))
    assert wanted[0] in (tmp_path / "out" / "lesions.csv").read_text()
    assert '"approximate": true' in (tmp_path / "out" / "report.json").read_text()
    listed.name_regions.click()
    assert listed.table.isColumnHidden(REGION) and _export(session, context).regions is None


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (FITS_BY_CHANCE, "does not fit the template"),
        (SettingsError("SimpleITK is not installed; install it."), "SimpleITK is not installed"),
    ],
)
def test_a_fit_that_fails_is_said_once(
    listed: LesionList,
    context: Context,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    told: list[tuple[str, str]],
    result: SimilarityTest | Exception,
    words: str,
) -> None:
    fitted = fitting(monkeypatch, result)
    listed.name_regions.click()
    qtbot.waitUntil(lambda: words in listed.region_state.text(), timeout=LONG)
    assert listed.table.isColumnHidden(REGION)
    context.session.update_settings(min_component_ml=0.001)
    qtbot.waitUntil(lambda: context.session.is_current, timeout=LONG)
    assert len(fitted) == 1
    assert [words in text for _, text in told] == [True]


def _export(session: Session, context: Context) -> Export:
    assert session.analysis is not None and session.volume_result is not None
    assert session.native is not None and session.reviews.found is not None
    return Export(
        session.analysis,
        session.volume_result,
        session.native,
        session.reviews.found,
        regions=context.regions.fit,
    )
