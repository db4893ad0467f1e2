from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog

from anofpdm import Analysis
from anofpdm.results.settings_files import SettingsFile
from napari_anofpdm.panels.explore import settings_files
from napari_anofpdm.panels.explore.settings_files import SettingsFileButtons
from napari_anofpdm.session.session import Session


@pytest.fixture
def session(tiny_analysis: Analysis) -> Iterator[Session]:
    session = Session()
    session.set_analysis(tiny_analysis)
    yield session
    session.close()


@pytest.fixture
def buttons(session: Session, qtbot: QtBot) -> SettingsFileButtons:
    buttons = SettingsFileButtons(session)
    qtbot.addWidget(buttons)
    return buttons


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    for name in ("show_info", "show_warning"):
        monkeypatch.setattr(settings_files, name, told.append)
    monkeypatch.setattr("napari_anofpdm.host.notify.show_error", told.append)
    return told


def answer(monkeypatch: pytest.MonkeyPatch, method: str, path: Path | str) -> None:
    monkeypatch.setattr(QFileDialog, method, lambda *_: (str(path), ""))


def test_settings_go_to_a_file_and_come_back(
    buttons: SettingsFileButtons,
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: list[str],
) -> None:
    session.update_settings(guidance=7.5, end_step=400, gate=False)
    saved = session.settings
    answer(monkeypatch, "getSaveFileName", tmp_path / "mine")
    buttons.save_button.click()
    path = tmp_path / "mine.json"
    assert told == [f"Saved {path}."]
    assert SettingsFile.read(path).model.name == "tiny"
    session.update_settings(guidance=1.0, end_step=None)
    answer(monkeypatch, "getOpenFileName", path)
    buttons.load_button.click()
    assert session.settings == saved
    assert len(told) == 1


def test_a_cancelled_dialog_changes_nothing(
    buttons: SettingsFileButtons,
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: list[str],
) -> None:
    before = session.settings
    answer(monkeypatch, "getSaveFileName", "")
    answer(monkeypatch, "getOpenFileName", "")
    buttons.save_button.click()
    buttons.load_button.click()
    assert (session.settings, told, list(tmp_path.iterdir())) == (before, [], [])


def test_a_file_that_the_dialog_did_not_ask_about_is_kept(
    buttons: SettingsFileButtons,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: list[str],
) -> None:
    (tmp_path / "mine.json").write_text("precious")
    answer(monkeypatch, "getSaveFileName", tmp_path / "mine")
    buttons.save_button.click()
    assert "already exists" in told[0]
    answer(monkeypatch, "getSaveFileName", tmp_path / "mine.json")
    buttons.save_button.click()
    SettingsFile.read(tmp_path / "mine.json")


def test_settings_of_another_model_are_taken_with_a_warning(
    buttons: SettingsFileButtons, session: Session, tmp_path: Path, told: list[str]
) -> None:
    path = tmp_path / "other.json"
    buttons.save(path, overwrite=False)
    file = SettingsFile.read(path)
    other = file.model.model_copy(update={"name": "rival", "hash": "f" * 64})
    changed = file.settings.model_copy(update={"guidance": 9.0})
    SettingsFile(model=other, settings=changed).write(path, overwrite=True)
    told.clear()
    buttons.load(path)
    assert session.settings == changed
    assert len(told) == 1 and "rival" in told[0]


@pytest.mark.parametrize("damage", ["broken", "off the grid", "two modalities"])
def test_settings_that_do_not_fit_are_refused_in_one_sentence(
    buttons: SettingsFileButtons,
    session: Session,
    tmp_path: Path,
    told: list[str],
    damage: str,
) -> None:
    path, before = tmp_path / "s.json", session.settings
    buttons.save(path, overwrite=False)
    told.clear()
    file = SettingsFile.read(path)
    change: dict[str, object] = {"end_step": 399}
    if damage == "two modalities":
        change = {"max_divergence": (0.1, 0.2)}
    odd = file.settings.model_copy(update=change)
    SettingsFile(model=file.model, settings=odd).write(path, overwrite=True)
    if damage == "broken":
        path.write_text("{")
    buttons.load(path)
    assert session.settings == before
    assert len(told) == 1 and "\n" not in told[0]


def test_without_an_analysis_the_buttons_say_so(
    qtbot: QtBot, tmp_path: Path, told: list[str]
) -> None:
    buttons = SettingsFileButtons(Session())
    qtbot.addWidget(buttons)
    buttons.save(tmp_path / "s.json", overwrite=False)
    buttons.load(tmp_path / "s.json")
    assert len(told) == 2
    assert list(tmp_path.iterdir()) == []
