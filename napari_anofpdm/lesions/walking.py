"""Go from lesion to lesion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_anofpdm.host.notify import show_info
from napari_anofpdm.space.camera import go_to_point
from napari_anofpdm.space.placement import place_point

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm.results.review.verdicts import Verdict
    from napari_anofpdm.session.session import Session


def go_to_lesion(viewer: napari.viewer.Viewer, session: Session, number: int) -> None:
    """Select a lesion of the table and move slice and camera to its centre.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
        Its session.
    number : int
        A number in ``session.reviews.shown``; others do nothing.
    """
    analysis, shown = session.analysis, session.reviews.shown
    if analysis is None or shown is None:
        return
    centres = [each.centre_mm for each in shown.lesions.table if each.number == number]
    if not centres:
        return
    session.select_lesion(number)
    world = place_point(analysis.geometry, np.array(centres[0]))
    go_to_point(viewer, world)


def walk_lesions(viewer: napari.viewer.Viewer, session: Session, by: int) -> None:
    """Go to the next lesion by number, or with -1 to the previous; the first follows the last."""
    shown = session.reviews.shown
    count = 0 if shown is None else len(shown.lesions.table)
    if count:
        selected = session.reviews.selected
        start = selected if selected is not None else (0 if by > 0 else 1)
        go_to_lesion(viewer, session, (start - 1 + by) % count + 1)


def toggle_verdict(session: Session, verdict: Verdict) -> None:
    """Give a verdict on the selected lesion, or take it back; say why that cannot be."""
    from anofpdm.common.errors import SettingsError

    shown, number = session.reviews.shown, session.reviews.selected
    if shown is None or number is None:
        return
    same = shown.review.of(number).verdict == verdict
    try:
        session.set_verdict(number, "unreviewed" if same else verdict)
    except SettingsError as error:
        show_info(str(error))
