from __future__ import annotations

import pkgutil

import napari_anofpdm
from tests.core.loaded_modules import loaded_after

# The fresh interpreter must neither read the user's napari settings nor write them.
_VIEWER = "import os; os.environ['NAPARI_CONFIG'] = ''; import napari"


def test_no_module_of_the_plugin_imports_torch() -> None:
    walked = pkgutil.walk_packages(napari_anofpdm.__path__, "napari_anofpdm.")
    names = [found.name for found in walked if not found.ispkg]
    assert len(names) > 50
    code = "\n".join(f"import {name}" for name in names)
    assert "torch" not in loaded_after(code)


def test_opening_all_panels_imports_no_torch() -> None:
    code = f"""
{_VIEWER}
from napari_anofpdm.app.workspace import PANELS, open_reading, open_training
viewer = napari.Viewer(show=False)
open_training(viewer)
open_reading(viewer)
titles = {{panel.title for panel in PANELS if panel.area == 'right'}}
assert set(viewer.window.dock_widgets) >= titles
viewer.close()
"""
    loaded = loaded_after(code)
    assert "napari" in loaded
    assert "torch" not in loaded


def test_the_manifest_and_the_preferences_need_no_torch() -> None:
    code = f"""
{_VIEWER}
from napari_anofpdm.host.preferences import folder, run_preferences
run_preferences(), folder("exports")
"""
    assert "torch" not in loaded_after(code)
