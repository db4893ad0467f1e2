"""Settings come back from their file as they were, or one sentence says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anofpdm.common.errors import OutputError, SettingsError
from anofpdm.method.settings import AbsoluteThreshold, DynamicQuantile, ManualQuantile, Settings
from anofpdm.results.settings_files import ModelIdentity, SettingsFile
from tests.core.segmentation_cases import CALIBRATION, analysis

METADATA = analysis().metadata
MODEL = ModelIdentity.of(METADATA)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings.from_calibration(CALIBRATION, guidance=0.1 + 0.2, end_step=400),
        Settings(threshold=AbsoluteThreshold(value=1 / 3), median_kernel=1, min_component_ml=0.5),
        Settings(threshold=ManualQuantile(quantile=0.999, region="image"), sam="gradient_at_end"),
        Settings(threshold=DynamicQuantile(region="brain"), max_divergence=(0.1, 0.2)),
    ],
)
def test_every_setting_survives(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "new" / "settings.json"
    SettingsFile(model=MODEL, settings=settings).write(path)
    read = SettingsFile.read(path)
    assert read.settings == settings
    assert read.model == MODEL
    assert (MODEL.name, MODEL.version) == ("tiny", "0.1")


def test_a_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("mine")
    file = SettingsFile(model=MODEL, settings=Settings())
    with pytest.raises(OutputError, match="already exists"):
        file.write(path)
    assert path.read_text() == "mine"
    file.write(path, overwrite=True)
    assert SettingsFile.read(path) == file
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]


def test_only_another_model_raises_doubt() -> None:
    assert SettingsFile(model=MODEL, settings=Settings()).doubt(METADATA) is None
    other = MODEL.model_copy(update={"name": "rival", "hash": "f" * 64})
    doubt = SettingsFile(model=other, settings=Settings()).doubt(METADATA)
    assert doubt is not None
    assert "rival 0.1 (ffffffffffff)" in doubt and "tiny 0.1" in doubt


def _without(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def _with_setting(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return document | {"settings": document["settings"] | changes}


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no object": (lambda _: [1], "not an AnoFPDM settings file"),
    "another JSON": (lambda d: _without(d, "format_version"), "not an AnoFPDM settings file"),
    "future": (lambda d: d | {"format_version": 2}, "format_version 2"),
    "no model": (lambda d: _without(d, "model"), "model is missing"),
    "no settings": (lambda d: _without(d, "settings"), "settings is missing"),
    "unknown key": (lambda d: _with_setting(d, colour="red"), "settings.colour is not a known"),
    "out of range": (lambda d: _with_setting(d, guidance=-1), "settings.guidance is -1"),
    "even median": (lambda d: _with_setting(d, median_kernel=4), "odd width"),
    "no cosine": (lambda d: _with_setting(d, gate=True), "the gate needs"),
    "not a number": (lambda d: _with_setting(d, min_component_ml=float("nan")), "min_component_ml"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, damage: str) -> None:
    change, named = DAMAGES[damage]
    path = tmp_path / "settings.json"
    document = SettingsFile(model=MODEL, settings=Settings()).model_dump(mode="json")
    path.write_text(json.dumps(change(document)))
    with pytest.raises(SettingsError, match=named) as caught:
        SettingsFile.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="not valid JSON"):
        SettingsFile.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.json cannot be read"):
        SettingsFile.read(tmp_path / "absent.json")
