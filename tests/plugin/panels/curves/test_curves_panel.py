"""The curves panel on a session, driven by mouse, and what the session hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from anofpdm import Analysis, Volume, analyze
from anofpdm.method.settings import AbsoluteThreshold
from napari_anofpdm.app.context import context_of
from napari_anofpdm.panels.curves import curve_saving
from napari_anofpdm.panels.curves.panel import CurvesPanel, columns_for
from napari_anofpdm.plots.plot_theme import plot_theme
from napari_anofpdm.session.session import Session
from tests.plugin.patience import LONG
from tests.plugin.plot_mouse import click, drag

if TYPE_CHECKING:
    from napari.viewer import Viewer


@pytest.fixture
def panel(
    viewer: Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, session: Session
) -> Iterator[CurvesPanel]:
    import pyqtgraph as pg

    monkeypatch.setitem(pg.CONFIG_OPTIONS, "mouseRateLimit", -1)
    panel = CurvesPanel(viewer, session)
    qtbot.addWidget(panel)
    panel.resize(1000, 300)
    with qtbot.waitExposed(panel, timeout=LONG):
        panel.show()
    yield panel


def opened(
    panel: CurvesPanel, viewer: Viewer, analysis: Analysis, qtbot: QtBot, position: int = 1
) -> Session:
    session = context_of(viewer).session
    session.set_analysis(analysis)
    session.set_position(position)
    qtbot.waitUntil(lambda: session.is_current and session.slice_result is not None, timeout=LONG)
    return session


def test_without_an_analysis_it_says_what_to_do(panel: CurvesPanel) -> None:
    assert "No analysis yet" in panel.message()
    panel.save.save_curves()
    panel.save.save_figure()


def test_a_slice_is_painted_once_its_texts_have_settled(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session = opened(panel, viewer, tiny_analysis, qtbot)
    qtbot.waitUntil(panel.updatesEnabled, timeout=LONG)
    session.set_position(0)
    assert not panel.updatesEnabled()
    qtbot.waitUntil(panel.updatesEnabled, timeout=LONG)
    assert panel.divergence.updatesEnabled()


def test_the_slice_in_view_is_shown(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session = opened(panel, viewer, tiny_analysis, qtbot)
    assert session.slice_result is not None
    assert panel.divergence.end_steps_shown() == session.slice_result.end_step[0].tolist()
    threshold = float(session.slice_result.threshold[0])
    assert panel.histogram.threshold_shown() == pytest.approx(threshold)
    assert f"Slice {int(tiny_analysis.slice_ids[1])} " in panel.message()
    session.set_position(3)
    assert f"Slice {int(tiny_analysis.slice_ids[3])} " in panel.message()


def test_dragging_the_end_step_changes_the_settings_and_auto_brings_it_back(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session = opened(panel, viewer, tiny_analysis, qtbot)
    (auto,) = panel.divergence.end_steps_shown()
    drag(panel.divergence, auto, 210)
    assert session.settings is not None
    assert session.settings.end_step == 201
    assert panel.divergence.end_steps_shown() == [201]
    qtbot.mouseClick(panel.divergence.auto, Qt.MouseButton.LeftButton)
    assert session.settings.end_step is None
    assert panel.divergence.end_steps_shown() == [auto]


def test_dragging_the_threshold_sets_a_value_and_auto_the_calibrated_rule(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session = opened(panel, viewer, tiny_analysis, qtbot)
    calibrated = session.settings
    high = panel.histogram.plots[0].vb.viewRange()[0][1]
    drag(panel.histogram, panel.histogram.threshold_shown(), 0.8 * high)
    assert session.settings is not None
    rule = session.settings.threshold
    assert isinstance(rule, AbsoluteThreshold)
    assert rule.value == pytest.approx(0.8 * high, rel=0.05)
    qtbot.mouseClick(panel.histogram.auto, Qt.MouseButton.LeftButton)
    assert session.settings == calibrated


def test_step_and_cursor_follow_each_other(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session = opened(panel, viewer, tiny_analysis, qtbot)
    click(panel.divergence, 210)
    assert session.step == 1
    click(panel.errors, 390)
    assert session.step == 2
    session.set_step(0)
    assert panel.divergence.step_shown() == panel.errors.step_shown() == 0


def test_the_strip_goes_to_a_slice(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session = opened(panel, viewer, tiny_analysis, qtbot)
    click(panel.strip, float(tiny_analysis.slice_ids[3]), row=1)
    assert session.position == 3


def test_slices_that_are_not_computed_look_so_and_say_so(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot, session: Session
) -> None:
    session.set_analysis(tiny_analysis, done=[0, 1])
    session.set_position(1)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    ids = tiny_analysis.slice_ids.tolist()
    assert panel.strip.slices_shown()["missing"] == ids[2:]
    session.set_position(2)
    assert "not computed" in panel.message()
    session.add_done([2, 3])
    assert "cosine" in panel.message()
    qtbot.waitUntil(lambda: panel.strip.slices_shown()["missing"] == [], timeout=LONG)
    session.set_position(-1)
    assert "was not analysed" in panel.message()


def test_a_healthy_slice_is_shown_anyway_on_request(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session = opened(panel, viewer, tiny_analysis, qtbot)
    session.update_settings(cosine_threshold=-1.0)
    assert "looks healthy" in panel.message()
    qtbot.mouseClick(panel.verdict.button, Qt.MouseButton.LeftButton)
    assert session.shown_anyway == {1}
    assert "shown anyway" in panel.message()
    session.set_position(2)
    assert not panel.verdict.button.isChecked()
    session.set_position(1)
    qtbot.mouseClick(panel.verdict.button, Qt.MouseButton.LeftButton)
    assert session.shown_anyway == set()


def test_an_analysis_of_fewer_steps_takes_the_place_of_another(
    qtbot: QtBot,
    panel: CurvesPanel,
    viewer: Viewer,
    tiny_analysis: Analysis,
    tiny_volume: Volume,
    tiny_bundle: Path,
) -> None:
    session = opened(panel, viewer, tiny_analysis, qtbot, 2)
    other = analyze({"flair": tiny_volume}, tiny_bundle, steps=2, device="cpu")
    session.set_analysis(other)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    assert session.position == 2
    assert set(panel.divergence.end_steps_shown()) <= set(other.timesteps)


def test_it_catches_up_when_it_is_shown_again(
    panel: CurvesPanel, viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    panel.hide()
    session = opened(panel, viewer, tiny_analysis, qtbot)
    assert "Slice" not in panel.message()
    panel.show()
    assert f"Slice {int(tiny_analysis.slice_ids[1])} " in panel.message()
    session.close_analysis()
    assert "No analysis yet" in panel.message()


def test_it_follows_the_theme(panel: CurvesPanel, viewer: Viewer) -> None:
    viewer.theme = "light"
    assert panel.strip.theme == plot_theme("light")
    viewer.theme = "dark"
    assert panel.strip.theme == plot_theme("dark")


def test_a_destroyed_panel_hears_nothing_more(
    viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot, session: Session
) -> None:
    panel = CurvesPanel(viewer, session)
    # Not waitSignal: it disconnects what PySide6 has disconnected with the panel.
    gone: list[bool] = []
    panel.destroyed.connect(lambda: gone.append(True))
    panel.deleteLater()
    qtbot.waitUntil(lambda: bool(gone), timeout=LONG)
    session.set_analysis(tiny_analysis)
    viewer.theme = "light"


def test_figure_and_curves_are_saved_where_the_user_says(
    panel: CurvesPanel,
    viewer: Viewer,
    tiny_analysis: Analysis,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened(panel, viewer, tiny_analysis, qtbot)
    said: list[str] = []
    monkeypatch.setattr(curve_saving, "show_info", said.append)
    answers = [
        (str(tmp_path / "a"), "PNG picture (*.png)"),
        (str(tmp_path / "b"), curve_saving.CURVES_FILTER),
        ("", ""),
    ]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: answers.pop(0))
    panel.save.save_figure()
    panel.save.save_curves()
    panel.save.save_figure()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.csv"]
    assert said == [f"Saved {tmp_path / 'a.png'}.", f"Saved {tmp_path / 'b.csv'}."]


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(
    panel: CurvesPanel,
    viewer: Viewer,
    tiny_analysis: Analysis,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened(panel, viewer, tiny_analysis, qtbot)
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    said: list[BaseException] = []
    monkeypatch.setattr(curve_saving, "show_failure", lambda error, _: said.append(error))
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(blocked / "c.csv"), "CSV table (*.csv)")
    )
    panel.save.save_curves()
    assert "cannot be written" in str(said[0])


@pytest.mark.parametrize(
    ("room", "columns"), [((1260, 220), 4), ((330, 700), 1), ((900, 600), 2), ((400, 200), 1)]
)
def test_plots_are_laid_out_for_the_room(room: tuple[int, int], columns: int) -> None:
    assert columns_for(*room) == columns
