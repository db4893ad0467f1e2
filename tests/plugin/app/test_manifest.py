from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name

from napari_anofpdm.app.workspace import PANELS


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution("napari-anofpdm")


def test_every_command_can_be_called(manifest: PluginManifest) -> None:
    commands = manifest.contributions.commands
    assert commands
    for command in commands:
        assert command.python_name is not None
        assert callable(import_python_name(command.python_name))


def test_every_command_is_offered_somewhere(manifest: PluginManifest) -> None:
    points = manifest.contributions
    defined = {command.id for command in points.commands or []}
    offers = [
        *(points.sample_data or []),
        *(points.readers or []),
        *(points.writers or []),
        *(points.widgets or []),
        *(item for items in points.menus.values() for item in items),
    ]
    offered = {offer.command for offer in offers if hasattr(offer, "command")}
    assert offered == defined


def test_every_panel_has_a_menu_entry(manifest: PluginManifest) -> None:
    points = manifest.contributions
    listed = {getattr(i, "command", None) for items in points.menus.values() for i in items}
    # napari's own entry of a widget hides a panel that is open; these bring it to the front.
    shown = {command.id for command in points.commands or [] if ".show_" in command.id}
    panels = {f"napari-anofpdm.show_{panel.name.lower()}" for panel in PANELS}
    assert panels <= shown & listed
    assert not {widget.command for widget in points.widgets or []} & listed


def test_menus_are_open_to_plugins(manifest: PluginManifest) -> None:
    from napari._app_model.constants import MenuId

    own = {submenu.id for submenu in manifest.contributions.submenus or []}
    assert set(manifest.contributions.menus) <= {*map(str, MenuId.contributables()), *own}


def test_the_package_manifest_is_the_top_level_one(repo_root: Path) -> None:
    inside = repo_root / "napari_anofpdm" / "napari.yaml"
    assert inside.resolve() == (repo_root / "napari.yaml").resolve()
