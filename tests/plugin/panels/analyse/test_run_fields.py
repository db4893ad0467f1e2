from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt

from anofpdm.model.bundle_metadata import BundleMetadata
from napari_anofpdm.panels.analyse.run_estimator import Devices
from napari_anofpdm.panels.analyse.run_fields import RunFields
from tests.core.segmentation_cases import CALIBRATION, bundle
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

NO_CUDA = "CUDA cannot be used: there is none; choose the device cpu or auto."
DEVICES = Devices("cpu (here)", {"cpu": None, "cuda": NO_CUDA, "mps": "no Mac"}, "there is none")


@pytest.fixture(scope="module")
def metadata() -> BundleMetadata:
    return bundle().metadata


@pytest.fixture
def fields(qtbot: QtBot, metadata: BundleMetadata) -> RunFields:
    fields = RunFields()
    qtbot.addWidget(fields)
    fields.set_model(metadata)
    return fields


def test_a_model_brings_its_own_process_and_steps(fields: RunFields) -> None:
    assert (fields.chosen_process, fields.chosen_steps) == (CALIBRATION.process, CALIBRATION.steps)
    assert not any(field.is_wrong for field in fields.all_fields())
    assert fields.steps.note.text() == ""


def test_what_the_user_chose_stays_for_the_same_model_alone(
    fields: RunFields, metadata: BundleMetadata
) -> None:
    fields.steps_box.setValue(9)
    fields.process_box.setCurrentIndex(1)
    fields.set_model(metadata)
    assert (fields.chosen_process, fields.chosen_steps) == ("ddpm", 9)
    fields.set_model(metadata.model_copy(update={"version": "0.2"}))
    assert (fields.chosen_process, fields.chosen_steps) == (CALIBRATION.process, CALIBRATION.steps)


def test_leaving_the_calibration_is_said_but_allowed(fields: RunFields, qtbot: QtBot) -> None:
    with qtbot.waitSignal(fields.changed, timeout=LONG):
        fields.steps_box.setValue(9)
    assert "Calibrated with DDIM and 4 steps" in fields.steps.note.text()
    assert not fields.steps.is_wrong


def test_more_steps_than_noise_levels_are_wrong(fields: RunFields) -> None:
    fields.steps_box.setValue(601)
    assert fields.steps.is_wrong
    assert "choose 600 or fewer" in fields.steps.note.text()
    assert "border" in fields.steps_box.styleSheet()
    fields.steps_box.setValue(600)
    assert not fields.steps.is_wrong
    assert fields.steps_box.styleSheet() == ""


def test_an_uncalibrated_model_judges_no_steps(fields: RunFields) -> None:
    fields.set_model(bundle(calibration=None).metadata)
    assert fields.chosen_steps == 30
    fields.steps_box.setValue(9)
    assert fields.steps.note.text() == ""


def test_why_there_is_no_cuda_is_said(fields: RunFields) -> None:
    fields.set_devices(DEVICES)
    assert fields.device.note.text() == "Uses cpu (here). No CUDA: there is none."
    index = fields.device_box.findData("cuda")
    item = fields.device_box.model().item(index)  # type: ignore[union-attr]
    assert not item.isEnabled()
    assert fields.device_box.itemData(index, Qt.ItemDataRole.ToolTipRole) == NO_CUDA


def test_a_device_that_cannot_be_used_is_wrong_until_another_is_chosen(
    fields: RunFields, qtbot: QtBot
) -> None:
    fields.device_box.set_key("cuda")
    fields.set_devices(DEVICES)
    assert fields.device.is_wrong
    assert fields.device.note.text() == NO_CUDA
    with qtbot.waitSignal(fields.changed, timeout=LONG):
        fields.device_box.setCurrentIndex(fields.device_box.findData("cpu"))
    assert not fields.device.is_wrong
    assert fields.device.note.text() == ""


def test_red_is_readable_on_light_and_dark(fields: RunFields) -> None:
    fields.steps_box.setValue(999)
    on_dark = fields.steps.note.styleSheet()
    fields.steps.set_dark(False)
    assert fields.steps.note.styleSheet() not in ("", on_dark)
