"""Draw the pictures of the README: the viewer's real window on a synthetic patient.

make pictures
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = ""  # neither read nor write the user's napari settings

import napari

from napari_anofpdm.app.context import Context, context_of
from napari_anofpdm.app.demo import save_window, wait_until
from napari_anofpdm.app.workspace import open_reading, panel_named, show_panel
from napari_anofpdm.host.preferences import PLUGIN
from napari_anofpdm.session.run_end import most_affected
from napari_anofpdm.session.session import Session

PICTURES = Path(__file__).parent / "pictures"
SIZE = (1440, 900)


def main() -> None:
    """Go through the tour of the README and save the window on the way."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    open_reading(viewer)
    viewer.open_sample(PLUGIN, "phantom-patient")
    context = context_of(viewer)
    session = context.session
    save_run(viewer, session)
    session.set_position(most_affected(session))
    wait_until(lambda: session.slice_result is not None)
    show_panel(viewer, panel_named("Explore"))
    save_window(viewer, PICTURES / "explore.png")
    save_export(viewer, context)
    viewer.close()


def save_run(viewer: napari.Viewer, session: Session) -> None:
    """Run the volume, with a picture half-way."""
    panel: Any = show_panel(viewer, panel_named("Analyse"))
    wait_until(lambda: panel.run_volume.isEnabled() and panel.estimate.text()[:5] == "Time:")
    # A slice with a lesion in view comes first.
    truth = next(layer for layer in viewer.layers if layer.name.startswith("lesion"))
    truth.contour = 1
    viewer.layers.selection.active = viewer.layers[0]
    area = truth.data.sum(axis=(1, 2))
    viewer.dims.set_current_step(0, int(area.argmax()))
    panel.run_volume.click()
    wait_until(
        lambda: session.analysis is not None and 2 * len(session.done) > len(session.analysis)
    )
    save_window(viewer, PICTURES / "analyse.png")
    wait_until(lambda: session.is_current and len(session.done) == len(session.analysis or ()))


def save_export(viewer: napari.Viewer, context: Context) -> None:
    """Take the mask over and write everything."""
    context.layers.commit_mask()
    panel: Any = show_panel(viewer, panel_named("Export"))
    folder = Path(tempfile.gettempdir()) / "anofpdm-tour"
    panel.folder.setText(str(folder))
    panel.start(overwrite=True)
    wait_until(lambda: panel.written is not None)
    save_window(viewer, PICTURES / "export.png")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
