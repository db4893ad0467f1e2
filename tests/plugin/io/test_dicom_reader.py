from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QItemSelectionModel

from anofpdm.scans.dicom.series import find_series
from napari_anofpdm.host.preferences import PLUGIN
from napari_anofpdm.io.readers import get_analysis_reader, get_dicom_reader
from napari_anofpdm.layers.layer_guess import of_one_head
from napari_anofpdm.space.layer_volume import volume_of
from napari_anofpdm.widgets import series_dialog
from napari_anofpdm.widgets.series_dialog import SeriesDialog
from tests.core.dicom_cases import SECRETS, pixels, write_disc, write_series

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr("napari_anofpdm.io.readers.show_error", told.append)
    return told


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    folder = tmp_path / "Nightingale^Florence"
    write_series(folder / "a", description="flair of Nightingale")
    write_series(folder / "b", number=6, description="t1 of MRN-4711")
    write_series(folder / "c", number=1, fields={"ImageType": ["ORIGINAL", "P", "LOCALIZER"]})
    return folder


def test_the_reader_takes_dicom_alone(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "in")
    write_disc(tmp_path / "disc", paths)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("none")
    for path in (tmp_path / "in", tmp_path / "disc", paths[0], tmp_path / "disc" / "DICOMDIR"):
        assert get_dicom_reader(str(path)) is not None, path
        assert get_analysis_reader(str(path)) is None
    assert get_dicom_reader(str(tmp_path / "other")) is None


def test_one_series_opens_without_a_question(tmp_path: Path, viewer: Viewer) -> None:
    write_series(tmp_path / "Nightingale", description="flair MRN-4711")
    (layer,) = viewer.open(tmp_path / "Nightingale", plugin=PLUGIN)
    assert layer.name == "DICOM series 5 flair"
    volume = volume_of(layer)
    np.testing.assert_array_equal(volume.data, pixels())
    assert volume.modality == "flair"
    assert volume.source is not None


def test_several_series_are_asked_for(
    exam: Path, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def both(found: tuple[Any, ...], parent: object = None) -> tuple[Any, ...]:
        asked.append(tuple(series.key for series in found))
        return found[1:]

    monkeypatch.setattr(series_dialog, "ask_for_series", both)
    layers = viewer.open(exam, plugin=PLUGIN)
    assert asked == [("1", "5", "6")]
    assert [layer.name for layer in layers] == ["DICOM series 5 flair", "DICOM series 6 t1"]
    assert of_one_head(*layers)
    for layer in layers:
        assert not any(secret in layer.name for secret in SECRETS)


def test_a_cancelled_question_opens_nothing(
    exam: Path, viewer: Viewer, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    monkeypatch.setattr(series_dialog, "ask_for_series", lambda *_: ())
    assert viewer.open(exam, plugin=PLUGIN) == []
    assert errors == []


def test_the_dialog_offers_usable_series(exam: Path, qtbot: QtBot) -> None:
    dialog = SeriesDialog(find_series(exam))
    qtbot.addWidget(dialog)
    assert dialog.open_button is not None
    assert not dialog.open_button.isEnabled()
    table: Any = dialog.table
    model, selection = table.model(), table.selectionModel()
    rows = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in range(3):
        selection.select(model.index(row, 0), rows)
    assert [series.key for series in dialog.chosen] == ["5", "6"]
    assert dialog.open_button.isEnabled()
    assert "is a localizer" in table.item(0, 0).toolTip()
    assert table.item(1, 1).text() == "flair of Nightingale"


@pytest.mark.window
def test_each_file_of_a_series_opens_it_once(tmp_path: Path, viewer: Viewer) -> None:
    paths = [path.rename(path.with_suffix(".dcm")) for path in write_series(tmp_path)]
    for path in paths[:3]:
        viewer.open(path, plugin=PLUGIN)
    assert len(viewer.layers) == 1


def test_what_is_unusable_is_told(tmp_path: Path, viewer: Viewer, errors: list[str]) -> None:
    write_series(tmp_path / "Nightingale", pixels((14, 12, 1)))
    assert viewer.open(tmp_path / "Nightingale", plugin=PLUGIN) == []
    (told,) = errors
    assert "series 5 is a single slice" in told
