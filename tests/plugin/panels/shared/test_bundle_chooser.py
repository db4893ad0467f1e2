from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from napari.settings import get_plugin_settings
from npe2 import PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from anofpdm.method.calibration import Candidate
from anofpdm.model.bundle import load_bundle
from anofpdm.model.registry import BUNDLES_VARIABLE, SETTINGS_VARIABLE
from napari_anofpdm.host.preferences import PLUGIN, run_preferences
from napari_anofpdm.panels.shared.bundle_chooser import BundleChooser, facts_of, more_on
from tests.core.segmentation_cases import CALIBRATION, bundle
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture(autouse=True)
def page(
    plugin_settings: None, npe2pm: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Any:
    """Preferences and registered bundles of this test alone."""
    monkeypatch.delenv(BUNDLES_VARIABLE, raising=False)
    monkeypatch.setenv(SETTINGS_VARIABLE, str(tmp_path / "settings.toml"))
    npe2pm.register(PluginManifest.from_distribution(PLUGIN))
    return get_plugin_settings(PLUGIN)


def _chooser(qtbot: QtBot) -> BundleChooser:
    chooser = BundleChooser()
    qtbot.addWidget(chooser)
    return chooser


def _keys(chooser: BundleChooser) -> list[str]:
    return [str(chooser.box.itemData(i)) for i in range(chooser.box.count())]


def test_the_bundled_model_is_chosen_and_described(qtbot: QtBot) -> None:
    chooser = _chooser(qtbot)
    assert chooser.bundle == "flair-synth"
    model = load_bundle("flair-synth")
    assert chooser.metadata == model.metadata
    text = chooser.facts.text()
    # "Research use only" stands above it, once.
    use = model.metadata.intended_use.removeprefix("Research use only, ")
    assert text.startswith(use[:1].upper() + use[1:])
    assert "Reads: flair" in text
    assert "BSD-3-Clause" in text
    assert model.hash[:12] in text
    assert model.hash in chooser.facts.toolTip()
    assert "Research use only" in chooser.warning.text()
    assert not chooser.field.is_wrong
    assert not chooser.remember.isEnabled()


def test_registered_models_stand_in_the_list(
    qtbot: QtBot, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUNDLES_VARIABLE, str(tiny_bundle.parent))
    chooser = _chooser(qtbot)
    assert _keys(chooser) == ["flair-synth", "tiny"]
    assert "registered" in chooser.box.itemText(1)
    with qtbot.waitSignal(chooser.changed, timeout=LONG):
        chooser.box.setCurrentIndex(1)
    assert chooser.bundle == "tiny"
    assert "Licence: not stated" in chooser.facts.text()


def test_a_model_whose_name_is_taken_is_chosen_by_its_path(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = tmp_path / "flair-synth"
    bundle().save(double)
    monkeypatch.setenv(BUNDLES_VARIABLE, str(tmp_path))
    chooser = _chooser(qtbot)
    assert _keys(chooser) == ["flair-synth", str(double)]
    chooser.box.setCurrentIndex(1)
    assert chooser.metadata is not None
    assert chooser.metadata.name == "tiny"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_browse_takes_what_the_dialog_gives(
    qtbot: QtBot, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tiny_bundle
    if kind == "zip":
        path = tmp_path / "tiny.zip"
        bundle().save(path)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(path))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    chooser = _chooser(qtbot)
    menu = chooser.browse.menu()
    assert menu is not None
    menu.actions()[0 if kind == "folder" else 1].trigger()
    assert chooser.bundle == str(path)
    assert chooser.metadata is not None
    assert chooser.metadata.name == "tiny"


def test_a_dialog_that_is_closed_changes_nothing(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    chooser = _chooser(qtbot)
    menu = chooser.browse.menu()
    assert menu is not None
    menu.actions()[0].trigger()
    assert chooser.bundle == "flair-synth"


def test_what_is_no_bundle_says_why_beside_the_field(qtbot: QtBot, tmp_path: Path) -> None:
    chooser = _chooser(qtbot)
    chooser.choose(str(tmp_path))
    assert chooser.metadata is None
    assert chooser.field.is_wrong
    assert str(tmp_path) in chooser.field.note.text()
    assert chooser.facts.isHidden()
    chooser.box.setCurrentIndex(0)
    assert not chooser.field.is_wrong


def test_a_model_that_was_refused_is_looked_at_anew(
    qtbot: QtBot, tiny_bundle: Path, tmp_path: Path
) -> None:
    place = tmp_path / "run" / "bundle"
    place.mkdir(parents=True)
    chooser = _chooser(qtbot)
    chooser.choose(str(place))
    assert chooser.field.is_wrong
    shutil.copytree(tiny_bundle, place, dirs_exist_ok=True)
    count = chooser.box.count()
    chooser.choose(str(place))
    assert not chooser.field.is_wrong and chooser.metadata is not None
    assert chooser.box.count() == count


def test_a_bundle_with_an_altered_key_says_why(
    qtbot: QtBot, tiny_bundle: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle, copy)
    document = json.loads((copy / "metadata.json").read_text())
    document["modality"] = document.pop("modalities")
    (copy / "metadata.json").write_text(json.dumps(document))
    chooser = _chooser(qtbot)
    chooser.choose(str(copy))
    assert "metadata.json" in chooser.field.note.text()


def test_a_bundle_that_has_gone_is_noticed(qtbot: QtBot, tiny_bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle, copy)
    chooser = _chooser(qtbot)
    chooser.choose(str(copy))
    shutil.rmtree(copy)
    chooser.check()
    assert chooser.field.is_wrong
    assert chooser.metadata is None


def test_the_default_is_remembered(qtbot: QtBot, tiny_bundle: Path) -> None:
    chooser = _chooser(qtbot)
    chooser.choose(str(tiny_bundle))
    qtbot.mouseClick(chooser.remember, Qt.MouseButton.LeftButton)
    assert run_preferences().bundle == str(tiny_bundle)
    assert not chooser.remember.isEnabled()
    assert _chooser(qtbot).bundle == str(tiny_bundle)


def test_a_default_that_has_gone_is_said_and_another_can_be_chosen(
    qtbot: QtBot, page: Any, tmp_path: Path
) -> None:
    page.runs.bundle = str(tmp_path / "gone")
    chooser = _chooser(qtbot)
    assert "gone" in chooser.field.note.text()
    chooser.box.setCurrentIndex(0)
    assert chooser.metadata is not None


def test_a_settings_file_that_is_no_toml_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("bundle_dirs = [")
    chooser = _chooser(qtbot)
    assert "not valid TOML" in chooser.field.note.text()
    assert chooser.field.is_wrong


def test_an_uncalibrated_model_and_its_scored_modalities_are_named() -> None:
    metadata = bundle(("flair", "t1"), calibration=None).metadata
    text = facts_of(metadata)
    assert "Reads: flair, t1 (maps from flair)" in text
    assert "Not calibrated" in text
    assert metadata.description in more_on(metadata)


def test_a_model_that_does_not_tell_the_classes_apart_is_named() -> None:
    values = {"guidance": 2.0, "cosine_threshold": 0.9, "max_divergence": (0.1,)}

    def facts(accuracy: float) -> str:
        tried = Candidate(accuracy=accuracy, sensitivity=0.9, specificity=0.5, **values)
        measured = {"candidates": (tried,), "slices": {"healthy": 60, "unhealthy": 40}}
        return facts_of(bundle(calibration=CALIBRATION.model_copy(update=measured)).metadata)

    assert "Do not trust the mask" in facts(0.6)
    assert "Do not trust the mask" not in facts(0.7)
    assert "90 % of the unhealthy and 50 % of the healthy" in facts(0.7)


def test_a_long_text_is_cut_short() -> None:
    long = bundle().metadata.model_copy(update={"intended_use": 100 * "for tests "})
    first = facts_of(long).split("\n")[0]
    assert len(first) <= 240
    assert first.endswith("…")
