"""The line that says as much as it has room for."""

from __future__ import annotations

from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFrame, QLabel

from napari_anofpdm.widgets.fitting_label import FittingLabel


def test_the_fullest_wording_that_fits_is_shown(qtbot: QtBot) -> None:
    label = FittingLabel()
    qtbot.addWidget(label)
    wordings = ("cosine 0.9 > 0.8: healthy", "cosine 0.9 > 0.8", "cosine 0.9")
    label.say(*wordings)
    for words in (*wordings, *wordings[::-1]):
        label.resize(label.fontMetrics().horizontalAdvance(words) + 3, 20)
        label.resizeEvent(None)
        assert label.shown() == words
        assert label.text() == label.toolTip() == wordings[0]
    label.resize(label.fontMetrics().horizontalAdvance("cosine"), 20)
    label.resizeEvent(None)
    assert label.shown().endswith("…")
    assert wordings[-1].startswith(label.shown()[:-1])


def test_it_never_asks_for_width(qtbot: QtBot) -> None:
    label = FittingLabel()
    qtbot.addWidget(label)
    policy = label.sizePolicy()
    assert policy.horizontalPolicy() == policy.Policy.Ignored


def test_a_wording_that_is_shown_is_not_cut_in_a_frame(qtbot: QtBot) -> None:
    """napari's style gives labels a frame, which makes Qt indent their text."""
    label = FittingLabel()
    qtbot.addWidget(label)
    label.setFrameShape(QFrame.Shape.Box)
    label.setLineWidth(1)
    label.say("end step 110 (auto)", "110")
    seen = set()
    for width in range(30, 220):
        label.resize(width, 20)
        label.resizeEvent(None)
        if not label.shown().endswith("…"):
            assert QLabel.sizeHint(label).width() <= width
            seen.add(label.shown())
    assert seen == {"end step 110 (auto)", "110"}
