"""A form that scrolls: nothing of its wrapped words is cut off."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QGroupBox, QVBoxLayout, QWidget

from napari_anofpdm.widgets.field import wrapped_label
from napari_anofpdm.widgets.upright_scroll import UprightScroll
from tests.plugin.patience import LONG


@pytest.mark.parametrize("width", [280, 420])
def test_wrapped_words_get_their_height(qtbot: QtBot, width: int) -> None:
    words = wrapped_label()
    group, content = QGroupBox("Model"), QWidget()
    QVBoxLayout(group).addWidget(words)
    column = QVBoxLayout(content)
    column.addWidget(group)
    column.addStretch(1)
    scroll = UprightScroll(content)
    qtbot.addWidget(scroll)
    scroll.resize(width, 150)
    with qtbot.waitExposed(scroll, timeout=LONG):
        scroll.show()
    words.setText(" ".join(["marks candidate lesions on brain-extracted adult FLAIR scans"] * 20))
    qtbot.waitUntil(
        lambda: words.height() >= words.heightForWidth(words.width()) > 90, timeout=LONG
    )
