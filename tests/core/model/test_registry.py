"""Names lead to bundles; broken ones are listed with their fault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anofpdm.common.errors import BundleError, SettingsError
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.registry import bundle_directories, list_bundles, resolve


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file of the test's own, absent until written."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.delenv("ANOFPDM_BUNDLES", raising=False)
    return tmp_path / "settings.toml"


def test_environment_and_settings_file_name_directories(
    tiny_bundle: ModelBundle, tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("ANOFPDM_BUNDLES", os.pathsep.join([str(tmp_path / "first"), ""]))
    settings.write_text('bundle_dirs = ["second"]\nother = 1\n')
    tiny_bundle.save(tmp_path / "first" / "a")
    tiny_bundle.save(tmp_path / "second" / "b.anofpdm.zip")
    assert load_bundle("a").path == tmp_path / "first" / "a"
    assert load_bundle("b").path == tmp_path / "second" / "b.anofpdm.zip"
    entries = {entry.name: entry for entry in list_bundles()}
    assert entries["a"].fault is entries["b"].fault is None
    assert entries["b"].metadata == tiny_bundle.metadata


def test_bundles_of_the_package_come_first() -> None:
    assert bundle_directories()[0].parents[1].name == "anofpdm"


def test_broken_bundles_and_hidden_names_are_listed_with_their_fault(
    tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good", "pickled", "half"):
        tiny_bundle.save(tmp_path / "one" / name)
    (tmp_path / "one" / "pickled" / "model.pt").write_bytes(b"")
    (tmp_path / "one" / "half" / "metadata.json").unlink()
    (tmp_path / "one" / "cut.anofpdm.zip").write_bytes(b"PK")
    (tmp_path / "one" / "unrelated").mkdir()
    tiny_bundle.save(tmp_path / "two" / "good")
    places = [tmp_path / "one", tmp_path / "two", tmp_path / "missing"]
    monkeypatch.setenv("ANOFPDM_BUNDLES", os.pathsep.join(map(str, places)))
    listed = [entry for entry in list_bundles() if tmp_path in entry.path.parents]
    faults = {(e.path.parent.name, e.name): e.fault for e in listed}
    assert faults.pop(("one", "good")) is None
    assert "model.pt" in (faults.pop(("one", "pickled")) or "")
    assert "has no metadata.json" in (faults.pop(("one", "half")) or "")
    assert "not a valid zip" in (faults.pop(("one", "cut")) or "")
    assert "same name" in (faults.pop(("two", "good")) or "")
    assert not faults
    assert resolve("good") == tmp_path / "one" / "good"


def test_unknown_name_tells_the_known_ones(
    tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_bundle.save(tmp_path / "known-one")
    monkeypatch.setenv("ANOFPDM_BUNDLES", str(tmp_path))
    with pytest.raises(BundleError, match=r"no bundle 'flare'.*known-one.*ANOFPDM_BUNDLES"):
        load_bundle("flare")


def test_name_goes_before_a_path_of_the_same_spelling(
    tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_bundle.save(tmp_path / "registered" / "tiny")
    tiny_bundle.save(tmp_path / "here" / "tiny")
    monkeypatch.setenv("ANOFPDM_BUNDLES", str(tmp_path / "registered"))
    monkeypatch.chdir(tmp_path / "here")
    assert resolve("tiny") == tmp_path / "registered" / "tiny"
    assert resolve("./tiny") == Path("tiny")
    assert resolve(Path("tiny")) == Path("tiny")


@pytest.mark.parametrize("text", ["bundle_dirs = [", "bundle_dirs = 3", "bundle_dirs = [1]"])
def test_settings_file_that_cannot_be_used(settings: Path, text: str) -> None:
    settings.write_text(text)
    with pytest.raises(SettingsError) as caught:
        list_bundles()
    assert str(settings) in str(caught.value)
