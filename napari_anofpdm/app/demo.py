"""Show the results of `anofpdm demo` in the viewer, or save a picture of its window.

python -m napari_anofpdm.app.demo RESULTS [--picture window.png]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from anofpdm.results.folder import ANALYSIS_FOLDER
from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.workspace import open_reading, panel_named, show_panel
from napari_anofpdm.io.open_action import open_paths
from napari_anofpdm.session.run_end import most_affected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.viewer

TRUTH_FILE = "lesion.nii.gz"
_WINDOW = (1600, 1000)
_PATIENCE_S = 600.0


def show_results(viewer: napari.viewer.Viewer, folder: Path) -> None:
    """Open the analysis and the true lesions of a demo, all panels, and the most affected slice.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    folder : Path
        The folder written by ``anofpdm demo --keep-analysis``.
    """
    open_reading(viewer)
    scans = open_paths(viewer, [folder / ANALYSIS_FOLDER])
    for truth in open_paths(viewer, [folder / TRUTH_FILE]):
        truth.name, truth.contour = "lesion (truth)", 1
    if scans:
        viewer.layers.selection.active = scans[0]
    session = context_of(viewer).session
    wait_until(lambda: session.is_current)
    session.set_position(most_affected(session))
    wait_until(lambda: session.slice_result is not None)
    show_panel(viewer, panel_named("Explore"))


def wait_until(reached: Callable[[], bool]) -> None:
    """Process the window's events until a condition is met.

    Raises
    ------
    TimeoutError
        After a time that is long enough for all normal work.
    """
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + _PATIENCE_S
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError("The viewer did not finish its work in time.")
        QApplication.processEvents()
        time.sleep(0.01)


def save_window(viewer: napari.viewer.Viewer, path: Path) -> None:
    """Save a picture of the whole window."""
    from PIL import Image
    from qtpy.QtWidgets import QApplication

    for _ in range(10):
        QApplication.processEvents()
        time.sleep(0.05)  # wait for late drawing: docks that settle, throttled plots
    pixels = viewer.screenshot(canvas_only=False, flash=False)
    Image.fromarray(pixels).convert("RGB").save(path, optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Open the viewer until the user closes it, or until its picture is saved."""
    import napari

    parser = argparse.ArgumentParser(description="Show the results of anofpdm demo in napari.")
    parser.add_argument("results", type=Path, help="The folder written by anofpdm demo.")
    parser.add_argument("--picture", type=Path, help="Save a picture of the window and exit.")
    chosen = parser.parse_args(arguments)
    if not (chosen.results / ANALYSIS_FOLDER).is_dir():
        parser.error(
            f"{chosen.results} holds no {ANALYSIS_FOLDER}; choose the folder written by "
            "anofpdm demo --keep-analysis."
        )
    viewer = napari.Viewer()
    viewer.window.resize(*_WINDOW)
    show_results(viewer, chosen.results)
    if chosen.picture is None:
        napari.run()
        return
    save_window(viewer, chosen.picture)
    viewer.close()


if __name__ == "__main__":
    main()
