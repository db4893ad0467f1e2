"""Figures and films from the Export panel: the preview, what is saved, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.image import imread
from napari.layers import Layer
from PIL import Image

from napari_anofpdm.panels.export.panel import ExportPanel
from napari_anofpdm.panels.export.picture_dialog import PictureDialog
from napari_anofpdm.session.region_names import RegionNames
from napari_anofpdm.space.layer_volume import layer_data
from tests.plugin.patience import LONG
from tests.plugin.two_lesions import find_two_lesions

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from anofpdm import Analysis
    from napari_anofpdm.session.session import Session


@pytest.fixture
def dialog(
    viewer: Viewer, qtbot: QtBot, tmp_path: Path, session: Session
) -> Iterator[PictureDialog]:
    panel = ExportPanel(viewer, session, RegionNames(session))
    qtbot.addWidget(panel)
    panel.folder.setText(str(tmp_path))
    panel.picture.click()
    made = panel.draw_picture()
    yield made
    made.close()


def test_figures_and_films_of_the_result_in_view(
    dialog: PictureDialog,
    session: Session,
    tiny_analysis: Analysis,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    qtbot.waitUntil(lambda: "no result yet" in dialog.state.text())
    assert not dialog.save.isEnabled()
    find_two_lesions(session, tiny_analysis, qtbot)
    qtbot.waitUntil(lambda: not dialog.preview.pixmap().isNull(), timeout=LONG)

    dialog.width_cm.setValue(12.7)
    dialog.dpi.setValue(50)
    dialog.columns["healthy"].setChecked(True)
    dialog.slices.setCurrentText("most:1")
    dialog.save_to(tmp_path / "figure.png")
    qtbot.waitUntil(lambda: (tmp_path / "figure.png").exists(), timeout=LONG)
    assert imread(tmp_path / "figure.png").shape[1] == 250

    dialog.kind.setCurrentIndex(2)
    dialog.pixels.setValue(300)
    dialog.save_to(tmp_path / "steps.gif")
    qtbot.waitUntil(lambda: (tmp_path / "steps.gif").exists(), timeout=LONG)
    qtbot.waitUntil(lambda: dialog.outcome.text().endswith("steps.gif"))
    with Image.open(tmp_path / "steps.gif") as film:
        assert film.n_frames == len(tiny_analysis.timesteps)  # type: ignore[attr-defined]

    dialog.kind.setCurrentIndex(0)
    dialog.slices.setCurrentText("900")
    qtbot.waitUntil(lambda: "no axial slice 900" in dialog.state.text(), timeout=LONG)
    assert not dialog.save.isEnabled()
    dialog.planes["axial"].setChecked(False)
    qtbot.waitUntil(lambda: "at least one plane" in dialog.state.text())


def test_the_reference_is_the_mask_that_is_chosen(
    dialog: PictureDialog, viewer: Viewer, session: Session, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    find_two_lesions(session, tiny_analysis, qtbot)
    assert not dialog.reference.isEnabled()  # nothing would draw it
    dialog.columns["mask+reference"].setChecked(True)
    assert dialog.reference.isEnabled()
    qtbot.waitUntil(lambda: "Choose the reference" in dialog.state.text(), timeout=LONG)
    masks = []
    for name, column in (("first", 3), ("second", 4)):
        data = np.zeros(tiny_analysis.geometry.shape, np.uint8)
        data[column, 4:8, 2] = 1
        volume = tiny_analysis.geometry.as_volume(data)
        layer = viewer.add_layer(Layer.create(*layer_data(volume, name, "labels")))
        masks.append((layer, data))
    qtbot.waitUntil(lambda: dialog.reference.currentText() == "first", timeout=LONG)
    for layer, data in masks:
        dialog.reference.choose(layer)
        source = dialog._source()
        assert source is not None and source.reference is not None
        np.testing.assert_array_equal(source.reference.data != 0, data != 0)
        again = dialog._source()
        assert again is not None and again.is_same(source)
    qtbot.waitUntil(lambda: not dialog.preview.pixmap().isNull(), timeout=LONG)


def test_the_edited_mask_is_shown(
    dialog: PictureDialog, session: Session, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    find_two_lesions(session, tiny_analysis, qtbot)
    first = dialog._source()
    assert first is not None and session.native is not None
    assert first.native is session.native
    edited = session.native.without([1])
    session.set_edited(edited)
    second = dialog._source()
    assert second is not None and second.native is edited
    assert not second.is_same(first)
    qtbot.waitUntil(lambda: not dialog.preview.pixmap().isNull(), timeout=LONG)
