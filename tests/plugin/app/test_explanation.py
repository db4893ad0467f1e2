from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QLabel

from napari_anofpdm.app.explanation import PARTS, PICTURE_PX, PICTURES, ExplanationDialog
from napari_anofpdm.app.workspace import PANELS
from tests.plugin.window_faults import faults_of

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

_IN_PARTS = {"Explore": "Lesions"}  # a panel that is explained part by part


def test_every_panel_for_reading_is_explained_with_a_picture(qtbot: QtBot) -> None:
    titles = {part.title for part in PARTS}
    reading = {panel.name for panel in PANELS if panel.workspace == "read"}
    assert {_IN_PARTS.get(name, name) for name in reading} <= titles
    assert {part.picture for part in PARTS} == {path.name for path in PICTURES.iterdir()}
    for part in PARTS:
        assert QPixmap(str(PICTURES / part.picture)).width() == PICTURE_PX

    dialog = ExplanationDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    assert not faults_of(dialog)
    assert len(dialog.findChildren(QLabel)) >= 2 * len(PARTS)
