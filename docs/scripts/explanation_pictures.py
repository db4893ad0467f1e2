"""Draw the pictures of the page "What am I seeing?" from the results of a demo.

anofpdm demo --out DEMO --keep-analysis
anofpdm follow-up ... --out COMPARISON
python docs/scripts/explanation_pictures.py DEMO COMPARISON
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = ""  # neither read nor write the user's napari settings

import napari
from PIL import Image
from qtpy.QtWidgets import QWidget

from anofpdm.results.measuring.measurement import Measurement
from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.demo import save_window, show_results, wait_until
from napari_anofpdm.app.explanation import PICTURE_PX, PICTURES
from napari_anofpdm.app.workspace import hide_panel, panel_named, show_panel
from napari_anofpdm.io.open_action import open_paths
from napari_anofpdm.reading.central import Central

SIZE = (1280, 800)


def main(demo: Path, comparison: Path) -> None:
    """Show the results in each way, and save the part of the window that each picture is of."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    show_results(viewer, demo)
    context = context_of(viewer)
    viewer.layers["lesion (truth)"].visible = False
    center = Central(viewer).canvas.parentWidget()
    assert center is not None
    save(viewer, "canvas.png", Central(viewer).canvas.canvas.native)
    explore: Any = show_panel(viewer, panel_named("Explore"))
    save(viewer, "lesions.png", explore.lesions)
    save(viewer, "settings.png", explore.form)
    context.layouts.show("side_by_side")
    save(viewer, "side_by_side.png", center, keep=(0.0, 0.28, 1.0, 0.72))
    context.layouts.show("single")
    curves = show_panel(viewer, panel_named("Curves"))
    save(viewer, "curves.png", curves, keep=(0.0, 0.0, 0.5, 1.0))
    hide_panel(viewer, panel_named("Curves"))
    panel: Any
    for name, part in (("Prepare", 0.62), ("Analyse", 0.5), ("Export", 0.62)):
        panel = show_panel(viewer, panel_named(name))
        if name == "Export":
            panel.folder.setText("results")
        save(viewer, f"{name.lower()}.png", panel, keep=(0.0, 0.0, 1.0, part))
    save_measure(viewer)
    with tempfile.TemporaryDirectory() as folder:
        save_worklist(viewer, demo, Path(folder) / "cases")
    save_comparison(viewer, comparison)
    viewer.close()


def save_measure(viewer: napari.Viewer) -> None:
    """Show a ruler and an ellipse, as drawn."""
    drawn = context_of(viewer).session.measurements
    drawn.set(
        (
            Measurement(kind="ruler", plane="axial", first=(-40, 0, 0), second=(40, 20, 0)),
            Measurement(kind="ellipse", plane="axial", first=(20, 20, 0), second=(50, 60, 0)),
        )
    )
    save(viewer, "measure.png", show_panel(viewer, panel_named("Measure")), (0.0, 0.0, 1.0, 0.3))


def save_comparison(viewer: napari.Viewer, folder: Path) -> None:
    """Show two examinations side by side."""
    viewer.layers.clear()
    open_paths(viewer, [folder])
    wait_until(lambda: context_of(viewer).layouts.name == "two_times")
    center = Central(viewer).canvas.parentWidget()
    assert center is not None
    save(viewer, "compare.png", center, keep=(0.0, 0.2, 1.0, 0.8))


def save_worklist(viewer: napari.Viewer, demo: Path, folder: Path) -> None:
    """Show a list of three cases."""
    for name in ("case 1", "case 2", "case 3"):
        shutil.copytree(demo, folder / name)
    panel: Any = show_panel(viewer, panel_named("Worklist"))
    panel.open_source(folder)
    cases = context_of(viewer).cases
    cases.open(0)
    cases.set_reviewed(True)
    cases.walk(1)
    wait_until(lambda: context_of(viewer).session.is_current)
    save(viewer, "worklist.png", panel, keep=(0.0, 0.0, 1.0, 0.24))
    cases.set(None)


def save(
    viewer: napari.Viewer,
    name: str,
    part: QWidget,
    keep: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> None:
    """Save the part of the window that a widget covers, small.

    `keep` is the share of it that is kept: left, top, right, bottom.
    """
    whole = PICTURES / f"whole-{name}"
    save_window(viewer, whole)
    window = part.window()
    assert window is not None
    corner = part.mapTo(window, part.rect().topLeft())
    left, top = corner.x(), corner.y()
    with Image.open(whole) as picture:
        scale = picture.width / window.width()
        across, down = part.width(), part.height()
        box = (
            round(scale * (left + keep[0] * across)),
            round(scale * (top + keep[1] * down)),
            round(scale * (left + keep[2] * across)),
            round(scale * (top + keep[3] * down)),
        )
        cut = picture.crop(box)
    height = round(PICTURE_PX * cut.height / cut.width)
    small = cut.resize((PICTURE_PX, height), Image.Resampling.LANCZOS)
    small.quantize(128).save(PICTURES / name, optimize=True)
    whole.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
