from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from napari.settings import get_plugin_settings
from npe2 import PluginManifest
from pydantic import ValidationError

from anofpdm.common.device import DeviceName
from anofpdm.model.precision import Precision
from napari_anofpdm.host.preferences import (
    PLUGIN,
    FolderPreferences,
    OverlayPreferences,
    RunPreferences,
    folder,
    overlay_preferences,
    remember_bundle,
    remember_overlays,
    run_preferences,
)


@pytest.fixture
def page(plugin_settings: None, npe2pm: Any) -> Any:
    """The plugin's settings as napari makes them, stored in a folder of this test."""
    npe2pm.register(PluginManifest.from_distribution(PLUGIN))
    return get_plugin_settings(PLUGIN)


def test_the_page_and_the_code_have_the_same_defaults(page: Any) -> None:
    assert page.runs.model_dump() == RunPreferences().__dict__
    assert page.folders.model_dump() == FolderPreferences().__dict__
    assert page.overlays.model_dump() == OverlayPreferences().__dict__


def test_the_choices_are_those_of_the_core() -> None:
    manifest = PluginManifest.from_distribution(PLUGIN)
    properties = manifest.contributions.configurations["runs"].properties
    assert tuple(properties["device"].enum or ()) == get_args(DeviceName)
    assert tuple(properties["precision"].enum or ()) == get_args(Precision)


def test_every_property_says_what_it_does() -> None:
    manifest = PluginManifest.from_distribution(PLUGIN)
    for section in manifest.contributions.configurations.values():
        for name, each in section.properties.items():
            assert each.description and each.description.endswith("."), name


def test_what_the_user_sets_is_what_the_panels_get(page: Any, tmp_path: Path) -> None:
    page.runs.update({"device": "cpu", "memory_limit_gib": 1.5, "slices_per_call": 4})
    page.folders.exports = f" {tmp_path} "
    chosen = run_preferences()
    assert (chosen.device, chosen.memory_limit, chosen.batch_size) == ("cpu", 3 << 29, 4)
    assert folder("exports") == tmp_path
    assert "device: cpu" in page.config_path.read_text()


def test_nothing_set_leaves_the_choice_to_the_core(page: Any) -> None:
    chosen = run_preferences()
    assert chosen == RunPreferences()
    assert chosen.memory_limit is None and chosen.batch_size is None
    assert folder("analyses") is None


@pytest.mark.parametrize(
    ("name", "value"), [("device", "tpu"), ("memory_limit_gib", -1), ("slices_per_call", 2000)]
)
def test_values_out_of_range_are_refused(page: Any, name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        setattr(page.runs, name, value)
    assert run_preferences() == RunPreferences()


def test_without_the_plugin_the_defaults_hold(plugin_settings: None) -> None:
    assert run_preferences() == RunPreferences()
    assert folder("bundles") is None


def test_a_remembered_bundle_is_stored(page: Any) -> None:
    remember_bundle("/my/bundle")
    assert run_preferences().bundle == "/my/bundle"
    assert "bundle: /my/bundle" in page.config_path.read_text()


def test_the_look_of_map_and_mask_is_remembered(page: Any) -> None:
    assert overlay_preferences() == OverlayPreferences()
    chosen = OverlayPreferences(colour_map="viridis", map_high=0.4, mask_style="fill")
    remember_overlays(chosen)
    assert overlay_preferences() == chosen
    assert "colour_map: viridis" in page.config_path.read_text()
