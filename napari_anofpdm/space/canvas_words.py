"""The words at the edges of a canvas, as far as it has room: a title, and the patient's sides.

In a small canvas the least important goes first: the scale bar, then the upper letter, which the
lower one implies. The letters on the left and right always stay.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontMetricsF, QGuiApplication

if TYPE_CHECKING:
    from napari.viewer import Viewer

TITLE = "anofpdm_title"
LETTERS = {side: f"anofpdm_{side}" for side in ("left", "right", "top", "bottom")}
BAR_SHARE = 0.3
"""Of the canvas's width, that a scale bar takes at most."""
_PLACES = {
    TITLE: "top_left",
    LETTERS["left"]: "middle_left",
    LETTERS["right"]: "middle_right",
    LETTERS["top"]: "top_center",
    LETTERS["bottom"]: "bottom_center",
}
_TITLE_PT = 9
_SMALL_PX = 300.0  # shorter side of a canvas with smaller letters
_LARGE_PT, _SMALL_PT = 14, 10
_PX_PER_PT = (96 / 72) ** 2  # napari and vispy each convert points once
_LETTER_BOX = (0.0, 0.0, 0.0, 0.45)  # where a canvas is narrow, it lies on the cortex
_LETTER_SHARE = 0.8  # width of a letter by its height
_MARGIN_PX = 10.0  # of an overlay from the edge
_GAP_PX = 4.0
_BAR_PX = (64.0, 44.0)  # least width, of its number, and height

_written: WeakKeyDictionary[Viewer, dict[str, str]] = WeakKeyDictionary()


class WordsRoom(NamedTuple):
    """What is shown on a canvas.

    Attributes
    ----------
    letters_pt : int
        Font size of the letters.
    top : bool
        Whether the letter of the upper side is shown.
    bar : bool
        Whether a scale bar is shown in the lower left corner.
    """

    letters_pt: int
    top: bool
    bar: bool


def words_room(height: float, width: float, title_px: float = 0.0) -> WordsRoom:
    """Share out the edges of a canvas.

    Parameters
    ----------
    height, width : float
        Of the canvas, in pixels.
    title_px : float
        Width of the title in the upper left corner; 0 without one.
    """
    points = _SMALL_PT if min(height, width) < _SMALL_PX else _LARGE_PT
    letter = points * _PX_PER_PT
    beside_letter = (width - _LETTER_SHARE * letter) / 2 - _GAP_PX
    below_letter = (height - letter) / 2 - _GAP_PX
    bar_px = max(_BAR_PX[0], BAR_SHARE * width)
    return WordsRoom(
        letters_pt=points,
        top=not title_px or _MARGIN_PX + title_px <= beside_letter,
        bar=_MARGIN_PX + bar_px <= beside_letter and _MARGIN_PX + _BAR_PX[1] <= below_letter,
    )


def write_words(viewer: Viewer, words: Mapping[str, str]) -> None:
    """Write on the canvas of a viewer, and fit what is written whenever its size changes.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    words : mapping of str to str
        Texts of `TITLE` and of the `LETTERS`; an empty one takes it away.
    """
    from napari.components.overlays import TextOverlay

    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins get a proxy
    if viewer not in _written:
        _written[viewer] = {}
        mine = weakref.ref(viewer)

        def fit(_: object = None) -> None:
            viewer = mine()
            if viewer is not None:
                _fit(viewer)

        viewer.canvas.events.size.connect(fit)
    overlays = viewer.canvas.overlays
    for name in words:
        if name not in overlays:
            is_letter = name != TITLE
            overlays[name] = TextOverlay(
                position=_PLACES[name],
                font_size=_LARGE_PT if is_letter else _TITLE_PT,
                color="white" if is_letter else None,
                box_color=_LETTER_BOX if is_letter else None,
                gridded=is_letter,
            )
    _written[viewer] |= words
    _fit(viewer)


def _fit(viewer: Viewer) -> None:
    """Show what there is room for."""
    overlays, words = viewer.canvas.overlays, _written[viewer]
    height, width = viewer.canvas.size
    title, title_px = _shortened(words.get(TITLE, ""), width - 2 * _MARGIN_PX)
    room = words_room(height, width, title_px)
    for name in words:
        overlay = overlays[name]
        overlay.text = title if name == TITLE else words[name]
        if name != TITLE:
            overlay.font_size = room.letters_pt
        overlay.visible = bool(overlay.text) and (name != LETTERS["top"] or room.top)


def _shortened(title: str, most_px: float) -> tuple[str, float]:
    """Shorten the lines of a title in their middle, and return them with their width."""
    if not title:
        return "", 0.0
    font = QGuiApplication.font()
    font.setPixelSize(round(_TITLE_PT * _PX_PER_PT))
    metrics, middle = QFontMetricsF(font), Qt.TextElideMode.ElideMiddle
    lines = [metrics.elidedText(line, middle, max(most_px, 0.0)) for line in title.split("\n")]
    return "\n".join(lines), max(metrics.horizontalAdvance(line) for line in lines)
