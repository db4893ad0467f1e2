from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name


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
    defined = {command.id for command in manifest.contributions.commands or []}
    samples = manifest.contributions.sample_data or []
    offered = {getattr(sample, "command", None) for sample in samples}
    assert offered == defined


def test_the_package_manifest_is_the_top_level_one(repo_root: Path) -> None:
    inside = repo_root / "napari_anofpdm" / "napari.yaml"
    assert inside.resolve() == (repo_root / "napari.yaml").resolve()
