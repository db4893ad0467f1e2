"""The line that says as much as it has room for."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

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
