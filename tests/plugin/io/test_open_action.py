from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.settings import get_plugin_settings, get_settings
from npe2 import PluginManifest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from anofpdm import Volume, write_nifti
from napari_anofpdm.host.preferences import PLUGIN
from napari_anofpdm.host.reader_preference import PATTERNS, offer_reader_preference
from napari_anofpdm.io.open_action import open_analysis, open_files

if TYPE_CHECKING:
    from napari.viewer import Viewer

YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    data = np.random.default_rng(0).normal(100, 20, (6, 7, 5)).astype(np.float32)
    volume = Volume(data, np.diag([4.0, 4.0, 4.0, 1.0]))
    write_nifti(tmp_path / "flair.nii.gz", data, volume, data.dtype)
    return tmp_path / "flair.nii.gz"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[QMessageBox.StandardButton]:
    """Answers to come, taken from the end; what is left was not asked for."""
    answers: list[QMessageBox.StandardButton] = []
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop())
    return answers


@pytest.fixture
def page(plugin_settings: None, npe2pm: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    npe2pm.register(PluginManifest.from_distribution(PLUGIN))
    monkeypatch.setattr(get_settings().plugins, "extension2reader", {})
    return get_plugin_settings(PLUGIN)


def _choose_files(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    chosen = [str(path) for path in paths]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (chosen, ""))


def _choose_folder(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: path)


def test_chosen_files_are_opened_and_the_offer_is_made(
    viewer: Viewer, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers: list[object] = []
    monkeypatch.setattr("napari_anofpdm.io.open_action.offer_reader_preference", offers.append)
    _choose_files(monkeypatch, scan)
    (layer,) = open_files(viewer)
    assert layer.name == "flair"
    assert layer.source.reader_plugin == PLUGIN
    assert len(offers) == 1
    assert get_settings().application.open_history[0] == str(scan.parent)


def test_a_cancelled_dialog_changes_nothing(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch, asked: list[QMessageBox.StandardButton]
) -> None:
    _choose_files(monkeypatch)
    _choose_folder(monkeypatch, "")
    assert open_files(viewer) == []
    assert open_analysis(viewer) == []
    assert len(viewer.layers) == 0


def test_another_folder_is_no_analysis(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari_anofpdm.host.notify.show_error", told.append)
    _choose_folder(monkeypatch, str(tmp_path))
    assert open_analysis(viewer) == []
    (sentence,) = told
    assert "is not a stored analysis" in sentence


def test_yes_sets_the_readers_of_our_files(
    page: Any, asked: list[QMessageBox.StandardButton]
) -> None:
    asked.append(YES)
    offer_reader_preference(None)
    assert get_settings().plugins.extension2reader == dict.fromkeys(PATTERNS, PLUGIN)
    assert page.opening.offer_reader is False


def test_the_question_comes_once(page: Any, asked: list[QMessageBox.StandardButton]) -> None:
    asked.extend([YES, NO])
    offer_reader_preference(None)
    offer_reader_preference(None)
    assert asked == [YES]
    assert get_settings().plugins.extension2reader == {}


def test_a_reader_that_the_user_chose_stays(
    page: Any, asked: list[QMessageBox.StandardButton], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings().plugins, "extension2reader", {"*.nii": "other"})
    asked.append(YES)
    offer_reader_preference(None)
    assert get_settings().plugins.extension2reader["*.nii"] == "other"
    assert get_settings().plugins.extension2reader["*.nii.gz"] == PLUGIN


@pytest.mark.parametrize("name", ["a.nii", "b.c.nii.gz", "case.anofpdm.zarr"])
def test_naparis_choice_of_reader_follows(
    page: Any, asked: list[QMessageBox.StandardButton], tmp_path: Path, name: str
) -> None:
    from napari.plugins.utils import get_preferred_reader

    (tmp_path / name).mkdir() if name.endswith("zarr") else (tmp_path / name).touch()
    asked.append(YES)
    offer_reader_preference(None)
    assert get_preferred_reader(tmp_path / name) == PLUGIN
