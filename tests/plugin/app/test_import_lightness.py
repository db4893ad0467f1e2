from __future__ import annotations

import pkgutil

import napari_anofpdm
from tests.core.loaded_modules import loaded_after_each

# The fresh interpreter must neither read the user's napari settings nor write them.
_PREFERENCES = """
import os
os.environ["NAPARI_CONFIG"] = ""
import napari
from napari_anofpdm.host.preferences import folder, run_preferences
run_preferences(), folder("exports")
"""
_PANELS = """
from napari_anofpdm.app.workspace import PANELS, open_reading, open_training
viewer = napari.Viewer(show=False)
open_training(viewer)
open_reading(viewer)
titles = {panel.title for panel in PANELS if panel.area == "right"}
assert set(viewer.window.dock_widgets) >= titles
viewer.close()
"""


def test_modules_preferences_and_panels_import_no_torch() -> None:
    walked = pkgutil.walk_packages(napari_anofpdm.__path__, "napari_anofpdm.")
    names = [found.name for found in walked if not found.ispkg]
    assert len(names) > 50
    stages = {
        "preferences": _PREFERENCES,
        "modules": "\n".join(f"import {name}" for name in names),
        "panels": _PANELS,
    }
    for stage, loaded in zip(stages, loaded_after_each([*stages.values()]), strict=True):
        assert "napari" in loaded
        assert "torch" not in loaded, stage
