"""A reader at work in a process of its own, until it is killed.

python -m tests.plugin.cases.killed_reader RESULTS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QApplication

from anofpdm.worklist.case_review import EDITED_MASK_FILE, load_review
from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.demo import wait_until
from napari_anofpdm.app.workspace import panel_named, show_panel

WORKED = "stored"
"""Written once all work is stored; the process then waits."""


def main(root: Path) -> None:
    """Finish the first case; edit the mask of the second and give a verdict and notes."""
    viewer = napari.Viewer(show=False)
    session, cases = context_of(viewer).session, context_of(viewer).cases
    panel: Any = show_panel(viewer, panel_named("Worklist"))
    panel.open_source(root)
    cases.set_reviewed(True)
    cases.walk(1)
    cases.note("look again")
    wait_until(lambda: session.is_current and session.reviews.shown is not None)
    context_of(viewer).tools.shrink()
    second = cases.cases[1].folder
    wait_until((second / EDITED_MASK_FILE).exists)
    session.select_lesion(1)
    session.set_verdict(1, "accepted")
    session.set_note(1, "vessel")

    def is_stored() -> bool:
        lesions = load_review(cases.cases[1]).lesions
        return lesions is not None and any(each.note for each in lesions.lesions)

    wait_until(is_stored)
    sys.stdout.write(WORKED)
    sys.stdout.flush()
    QApplication.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
