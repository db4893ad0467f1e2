"""The title of a canvas, in its upper left corner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.space.canvas_words import TITLE, write_words

if TYPE_CHECKING:
    from napari.viewer import Viewer


def set_title(viewer: Viewer, text: str) -> None:
    """Write a title on the canvas of a viewer; an empty one takes it away."""
    write_words(viewer, {TITLE: text})
