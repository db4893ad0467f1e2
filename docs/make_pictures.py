"""Draw the pictures of README and docs: the viewer's real window on a synthetic patient.

make pictures
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = ""  # neither read nor write the user's napari settings

import napari
from PIL import Image
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from anofpdm.results.folder import ANALYSIS_FOLDER
from anofpdm.results.measuring.measurement import Measurement
from napari_anofpdm.app.context import Context, context_of
from napari_anofpdm.app.demo import save_window, wait_until
from napari_anofpdm.app.workspace import open_reading, panel_named, show_panel
from napari_anofpdm.host.preferences import PLUGIN
from napari_anofpdm.lesions.walking import go_to_lesion
from napari_anofpdm.session.session import Session
from napari_anofpdm.space.camera import fit_head

PICTURES = Path(__file__).parent / "pictures"
SIZE = (1440, 900)
COLOURS = 256


def main() -> None:
    """Go through the tour of the README and save the window on the way."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    open_reading(viewer)
    viewer.open_sample(PLUGIN, "phantom-patient")
    context = context_of(viewer)
    session = context.session
    save_run(viewer, session)
    lesion_layer(viewer).visible = False
    go_to_lesion(viewer, session, 1)
    wait_until(lambda: session.slice_result is not None)
    fit_head(viewer)
    show_panel(viewer, panel_named("Explore"))
    save(viewer, "explore.png")
    with tempfile.TemporaryDirectory() as folder:
        save_export(viewer, Path(folder) / "results")
        save_measure(viewer, context)
        save_worklist(viewer, context, Path(folder) / "study")
    viewer.close()


def save(viewer: napari.Viewer, name: str) -> None:
    """Save the window in few colours, which makes a third of the file."""
    # No event loop runs here, which would remove the sliders of layers that are gone.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    path = PICTURES / name
    save_window(viewer, path)
    reduce_colours(path)


def reduce_colours(path: Path) -> None:
    """Store a picture with a palette."""
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def lesion_layer(viewer: napari.Viewer) -> Any:
    """Return the layer of the true lesions."""
    return next(layer for layer in viewer.layers if layer.name.startswith("lesion"))


def save_run(viewer: napari.Viewer, session: Session) -> None:
    """Run the volume, with a picture half-way."""
    panel: Any = show_panel(viewer, panel_named("Analyse"))
    wait_until(lambda: panel.run_volume.isEnabled() and panel.estimate.text()[:5] == "Time:")
    # A slice with a lesion in view comes first.
    truth = lesion_layer(viewer)
    truth.contour = 1
    viewer.layers.selection.active = viewer.layers[0]
    area = truth.data.sum(axis=(1, 2))
    viewer.dims.set_current_step(0, int(area.argmax()))
    panel.run_volume.click()
    wait_until(
        lambda: session.analysis is not None and 2 * len(session.done) > len(session.analysis)
    )
    save(viewer, "analyse.png")
    wait_until(lambda: session.is_current and len(session.done) == len(session.analysis or ()))


def save_export(viewer: napari.Viewer, folder: Path) -> None:
    """Show what can be written, and the form of a figure."""
    panel: Any = show_panel(viewer, panel_named("Export"))
    panel.folder.setText("results")
    save(viewer, "export.png")
    panel.folder.setText(str(folder))
    dialog = panel.draw_picture()
    wait_until(lambda: not dialog.preview.pixmap().isNull() and not dialog.state.text())
    path = PICTURES / "figure.png"
    dialog.grab().save(str(path))
    reduce_colours(path)
    dialog.close()


def save_measure(viewer: napari.Viewer, context: Context) -> None:
    """Show three planes, with a ruler and an ellipse on the largest lesion."""
    session = context.session
    assert session.lesions is not None
    right, front, top = session.lesions.table[0].centre_mm
    ruler, ellipse = (  # beside each other, and beside the crosshair
        ((10.0, -40.0), (60.0, -40.0)),
        ((25.0, 10.0), (50.0, 35.0)),
    )
    drawn = [
        Measurement(
            kind=kind,
            plane="axial",
            first=(right + x0, front + y0, top),
            second=(right + x1, front + y1, top),
        )
        for kind, ((x0, y0), (x1, y1)) in (("ruler", ruler), ("ellipse", ellipse))
    ]
    session.measurements.set(tuple(drawn))
    show_panel(viewer, panel_named("Measure"))
    context.layouts.show("planes")
    save(viewer, "measure.png")
    context.layouts.show("single")


def save_worklist(viewer: napari.Viewer, context: Context, folder: Path) -> None:
    """Show a list of four cases, one of them finished."""
    analysis = context.session.analysis
    assert analysis is not None
    for number in range(1, 5):
        analysis.save(folder / f"patient {number}" / ANALYSIS_FOLDER)
    viewer.layers.clear()
    panel: Any = show_panel(viewer, panel_named("Worklist"))
    panel.open_source(folder)
    context.cases.set_reviewed(True)
    context.cases.walk(1)
    wait_until(lambda: context.session.is_current and context.session.lesions is not None)
    go_to_lesion(viewer, context.session, 1)
    fit_head(viewer)
    context.cases.note("Second reader, please.")
    save(viewer, "worklist.png")
    context.cases.set(None)


if __name__ == "__main__":
    main()
