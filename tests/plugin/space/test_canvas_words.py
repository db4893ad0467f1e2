"""Title, letters and scale bar of a canvas do not cover each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from napari.components import ViewerModel

from napari_anofpdm.space.canvas_words import LETTERS, TITLE, words_room
from napari_anofpdm.space.scale_bar import show_scale_bar
from napari_anofpdm.space.sides import Sides, show_sides
from napari_anofpdm.space.title import set_title

if TYPE_CHECKING:
    from qtpy.QtWidgets import QApplication

TWO_LINES = "Healthy\nw = 32 (exaggerated)"
LARGE, SMALL = (600.0, 800.0), (150.0, 150.0)


@pytest.fixture
def viewer(qapp: QApplication) -> ViewerModel:
    """A canvas with all words, without a window."""
    viewer = ViewerModel()
    show_sides(viewer, Sides("R", "L", "A", "P"))
    set_title(viewer, TWO_LINES)
    show_scale_bar(viewer)
    return viewer


def shown(viewer: ViewerModel) -> dict[str, bool]:
    overlays = viewer.canvas.overlays
    letters = {side: overlays[name].visible for side, name in LETTERS.items()}
    return letters | {"title": overlays[TITLE].visible, "bar": overlays.scale_bar.visible}


def test_the_least_important_is_hidden_first() -> None:
    wide = words_room(*LARGE, title_px=40.0)
    assert wide.top and wide.bar
    low = words_room(90.0, 800.0, title_px=40.0)
    assert low.top and not low.bar and low.letters_pt < wide.letters_pt
    # The letter begins at 68 pixels: a short title ends before it, a longer one does not.
    assert words_room(*SMALL, title_px=40.0).top
    assert not words_room(*SMALL, title_px=60.0).top
    assert words_room(*SMALL).top


def test_a_small_canvas_shortens_its_title_and_hides_letter_and_bar(viewer: ViewerModel) -> None:
    viewer.canvas.size = LARGE
    assert all(shown(viewer).values())
    title = viewer.canvas.overlays[TITLE]
    assert title.text == TWO_LINES
    viewer.canvas.size = (120.0, 100.0)
    assert shown(viewer) == dict.fromkeys(LETTERS, True) | {
        "top": False,
        "title": True,
        "bar": False,
    }
    first, second = title.text.split("\n")
    assert first == "Healthy" and second.startswith("w") and "…" in second
    viewer.canvas.size = LARGE
    assert all(shown(viewer).values()) and title.text == TWO_LINES
    set_title(viewer, "")
    viewer.canvas.size = SMALL
    assert shown(viewer)["top"] and not shown(viewer)["title"]


def test_the_cortex_shows_behind_white_letters(viewer: ViewerModel) -> None:
    letter = viewer.canvas.overlays[LETTERS["left"]]
    assert tuple(letter.color) == (1.0, 1.0, 1.0, 1.0)
    assert 0.3 <= float(letter.box_color[3]) <= 0.6


def test_a_scale_bar_that_the_user_hid_stays_hidden(viewer: ViewerModel) -> None:
    viewer.canvas.size = LARGE
    viewer.canvas.overlays.scale_bar.visible = False
    viewer.canvas.size = (500.0, 700.0)
    assert not shown(viewer)["bar"]
