"""From raw folders to a calibrated model in the Analyse panel, through the panel Jobs alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt

from anofpdm.jobs.places import job_folder, job_folders
from anofpdm.jobs.state import state_of
from anofpdm.jobs.stop import Stop
from napari_anofpdm.app.docks.jobs import JobsDock
from napari_anofpdm.app.workspace import panel_named, show_panel
from napari_anofpdm.panels.analyse.panel import AnalysePanel
from napari_anofpdm.panels.jobs.job_form import JobForm
from tests.core.cohorts import write_brats
from tests.core.project.test_own_model import CONFIG, LABELS

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton
_PATIENCE_MS = 300_000


@pytest.fixture(autouse=True)
def home(own_jobs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    for folder in job_folders():
        if state_of(folder).live:
            Stop(folder, patience=0).wait()


@pytest.mark.nightly
def test_from_scans_to_a_model_in_the_analyse_panel(
    viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    source = write_brats(tmp_path / "scans", masks=False)
    (tmp_path / "labels.csv").write_text(LABELS)
    (tmp_path / "own.toml").write_text(CONFIG.replace("image_size = 32", "image_size = 64"))
    panel = JobsDock(viewer)
    qtbot.addWidget(panel)

    def done(form: JobForm, name: str) -> Path:
        form.name.value = name
        assert form.fault() == ""
        qtbot.mouseClick(form.start, LEFT)
        folder = job_folder(name)
        qtbot.waitUntil(lambda: not state_of(folder).live, timeout=_PATIENCE_MS)
        state = state_of(folder)
        assert state.status == "done", state.message
        panel.monitor.look()
        return folder

    dataset = panel.dataset
    dataset.source.line.setText(str(source))
    dataset.labels.line.setText(str(tmp_path / "labels.csv"))
    dataset.modalities.value = "flair, t1"
    dataset.pixels.set_key("64")
    data = done(dataset, "data") / "dataset.zarr"

    panel.training.dataset.line.setText(str(data))
    panel.training.config.line.setText(str(tmp_path / "own.toml"))
    panel.training.device.set_key("cpu")
    run = done(panel.training, "training") / "run"
    assert panel.details.buttons["use"].isEnabled()

    panel.guidance.bundle.line.setText(str(run / "bundle"))
    panel.guidance.dataset.line.setText(str(data))
    panel.guidance.split.set_key("train")
    panel.guidance.candidates.value = "1, 2"
    panel.guidance.device.set_key("cpu")
    own = done(panel.guidance, "guidance") / "bundle"
    assert panel.details.accuracy.words.text().startswith("best ")

    qtbot.mouseClick(panel.details.buttons["use"], LEFT)
    analyse = show_panel(viewer, panel_named("Analyse"))
    assert isinstance(analyse, AnalysePanel)
    assert analyse.model.bundle == str(own)
    assert analyse.model.metadata is not None
    assert analyse.model.metadata.calibration is not None
    analyse.estimator.forget()
