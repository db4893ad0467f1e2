"""The Prepare panel on phantoms; registration and brain extraction are stood in for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel

from anofpdm import Volume
from napari_anofpdm.app.docks.prepare import PrepareDock
from napari_anofpdm.measuring.measured import entries_of, entries_on, in_words
from napari_anofpdm.panels.analyse.scan_fields import ScanFields
from napari_anofpdm.preparation.preparer import Outcome
from napari_anofpdm.preparation.records import preparation_of
from napari_anofpdm.space.layer_volume import layer_data, volume_of
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from napari_anofpdm.app.context import Context

pytest.importorskip("SimpleITK")

SHAPE = (24, 26, 20)
SHIFT_MM = 8.0


def phantom(modality: str, shift: float = 0.0) -> Volume:
    """A textured ball, whose header lies `shift` mm off along the first axis."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    texture = 200 + 60 * np.sin(7 * grid[0] + 2 * grid[1]) * np.cos(6 * grid[1] + grid[2])
    data = np.where((grid**2).sum(axis=0) < 0.85, texture, 0).astype(np.float32)
    affine = np.diag([4.0, 4.0, 5.0, 1.0])
    affine[0, 3] = shift
    return Volume(data if modality == "flair" else np.where(data > 0, 400 - data, 0), affine)


def add(viewer: Viewer, name: str, volume: Volume) -> Image:
    data, attributes, _ = layer_data(volume, name, "image")
    return viewer.add_image(data, **attributes)


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = np.eye(4)
    moved[0, 3] = SHIFT_MM
    monkeypatch.setattr("anofpdm.preprocessing.registration.fit", lambda *_, **__: moved)
    monkeypatch.setattr(
        "anofpdm.preprocessing.skull.deepbet.find_brain",
        lambda volume, _: (np.asarray(volume.data) > 0, "1.0"),
    )


@pytest.fixture
def panel(viewer: Viewer, qtbot: QtBot) -> PrepareDock:
    add(viewer, "head flair", phantom("flair"))
    add(viewer, "head t1", phantom("t1", SHIFT_MM))
    made = PrepareDock(viewer)
    qtbot.addWidget(made)
    return made


def prepare(panel: PrepareDock, context: Context, qtbot: QtBot) -> Outcome:
    ended: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        ended.append(outcome)

    context.preparer.ended.connect(note)
    panel.prepare.click()
    qtbot.waitUntil(lambda: bool(ended), timeout=LONG)
    return ended[0]


def test_prepared_scans_take_the_places_of_the_raw_ones(
    panel: PrepareDock, viewer: Viewer, context: Context, qtbot: QtBot
) -> None:
    fields = ScanFields(viewer)
    qtbot.addWidget(fields)
    fields.set_modalities(("flair", "t1"))
    flair, t1 = viewer.layers
    fields.boxes["t1"].choose(t1)
    assert fields.scans is None and fields.fields["t1"].is_wrong
    outcome = prepare(panel, context, qtbot)
    assert [layer.name for layer in viewer.layers] == [
        *("head flair", "head t1", "head t1 registered", "head flair brain mask")
    ]
    assert not panel.doubts.text() and "was registered onto" in panel.outcome.text()
    made = outcome.made
    assert made is not None and made.brain_mask is not None
    fields.take(made.replaced, made.brain_mask)
    assert fields.scans is not None
    # The texture of both runs alike, so the registered one lies where the other does.
    registered = fields.scans.volumes["t1"]
    np.testing.assert_array_equal(registered.affine, volume_of(flair).affine)
    np.testing.assert_allclose(registered.data, phantom("t1").data, atol=1e-3)
    assert fields.scans.brain_mask is not None
    assert context.scans.scan_of([flair]) is context.scans.scan_of([viewer.layers[2]])
    record = preparation_of(fields.scans.layers)
    (registration,) = record["registration"]
    assert registration["passed"] and registration["reason"] == "its grid is another one"
    assert record["brain_extraction"]["tool"] == "deepbet"
    assert "edited" not in record["brain_extraction"]
    viewer.layers[3].data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    assert preparation_of(fields.scans.layers)["brain_extraction"]["edited"]
    # Prepared scans are not prepared again; both are offered for the check.
    assert panel.scans.count() == 2 and panel.alignment.second_box.layer == viewer.layers[2]


def regions_are_measured_on_both(context: Context, viewer: Viewer, moving: NDArray[Any]) -> None:
    """Each canvas gives the values of its own scan."""
    assert context.alignment.pair is not None
    view = context.alignment.pair.views[0]
    middle = [float(x) for x in viewer.dims.point]
    context.measure.arm("rectangle")
    grip = context.pointer.press([middle[0], middle[1] - 9, middle[2] - 9], "S", 0.5)
    assert grip is not None
    grip.move([middle[0], middle[1] + 9, middle[2] + 9])
    grip.release()
    left, right = (each.captions for each in context.measured.drawings)
    assert context.measured.drawings[1].is_of(view.model)
    (entry,) = entries_of(viewer, context.session)
    scan = viewer.layers[0].metadata["volume"]
    (own,) = entries_on(view.model, scan, context.session.measurements.items) or [{}]
    assert own["scan"]["voxels"] == entry["scan"]["voxels"] > 9
    assert own["scan"]["mean"] != entry["scan"]["mean"]
    assert left == [f"1: {in_words(entry)}"] and right == [f"1: {in_words(own)}"] != left
    low, high = float(moving.min()), float(moving.max())
    assert low <= own["scan"]["minimum"] <= own["scan"]["maximum"] <= high
    context.measure.arm(None)


@pytest.mark.window
def test_the_alignment_is_checked_and_all_is_shown_as_before(
    panel: PrepareDock, viewer: Viewer, context: Context
) -> None:
    flair = viewer.layers[0]
    t1 = add(viewer, "head t1 registered", phantom("t1"))
    panel.alignment.choose(flair, t1)
    viewer.layers[1].opacity = 0.7
    before = [(layer.visible, layer.opacity, str(layer.blending)) for layer in viewer.layers]
    panel.alignment.modes["blend"].click()
    assert [layer.visible for layer in viewer.layers] == [True, False, True]
    panel.alignment.share.setValue(30)
    assert t1.opacity == pytest.approx(0.3)
    panel.alignment.modes["checkerboard"].click()
    board = viewer.layers[-1]
    assert board.name == "checkerboard: head flair, head t1 registered"
    assert [layer.visible for layer in viewer.layers] == [True, False, False, True]
    tiles = board.data.copy()
    panel.alignment.tile.setValue(panel.alignment.tile.maximum())
    assert (viewer.layers[-1].data != tiles).any()
    panel.alignment.modes["side_by_side"].click()
    assert len(viewer.layers) == 3 and context.alignment.pair is not None
    (shown,) = context.alignment.pair.views[0].model.layers
    assert shown.name == t1.name
    assert [layer.visible for layer in viewer.layers] == [True, False, False]
    regions_are_measured_on_both(context, viewer, t1.metadata["volume"].data)
    context.layouts.changed.emit("planes")  # another layout ends the check
    assert panel.alignment.mode == "off" and context.alignment.pair is None
    after = [(layer.visible, layer.opacity, str(layer.blending)) for layer in viewer.layers]
    assert after == before
    # On different grids there is no checkerboard, but a sentence.
    panel.alignment.choose(flair, viewer.layers[1])
    panel.alignment.modes["checkerboard"].click()
    assert "different grids" in panel.alignment.note.text() and panel.alignment.mode == "off"


def test_a_failed_registration_is_said(
    panel: PrepareDock, context: Context, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = np.eye(4)
    far[:2, 3] = 40.0
    monkeypatch.setattr("anofpdm.preprocessing.registration.fit", lambda *_, **__: far)
    panel.extract.setChecked(False)
    prepare(panel, context, qtbot)
    assert "failed" in panel.doubts.text() and not panel.doubts.isHidden()


def test_controls_are_named_and_wrong_input_is_a_sentence(
    panel: PrepareDock, viewer: Viewer, context: Context, qtbot: QtBot
) -> None:
    assert panel.scans.accessibleName() == "Scans of one head"
    assert panel.alignment.share.accessibleName() == "Share of the second scan"
    buddies = {label.buddy() for label in panel.findChildren(QLabel)}
    assert {panel.onto_box, panel.alignment.first_box, panel.alignment.second_box} <= buddies
    panel.register.setChecked(False)
    prepare(panel, context, qtbot)
    assert "different grids" in panel.doubts.text() and len(viewer.layers) == 2
    viewer.layers[1].translate = (1, 2, 3)
    panel.prepare.click()
    assert "'head t1' was moved" in panel.doubts.text() and panel.prepare.isEnabled()
    for box, words in (
        (panel.extract, "Tick a step."),
        (panel.register, ""),
    ):
        box.toggle()
        assert panel.words.text() == words and panel.prepare.isEnabled() == (not words)
    for layer in viewer.layers:
        panel.scans.tick(layer, False)
    assert panel.words.text() == "Tick the scans of one head." and not panel.prepare.isEnabled()
    viewer.layers.clear()
    assert panel.words.text() == "Open the scans of one head to begin."


def test_a_preparation_is_cancelled(
    panel: PrepareDock,
    viewer: Viewer,
    context: Context,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()

    def held(*_: Any, should_cancel: Callable[[], bool], **__: Any) -> Any:
        go_on.wait(LONG / 1000)
        assert should_cancel()
        return np.eye(4)

    monkeypatch.setattr("anofpdm.preprocessing.registration.fit", held)
    panel.prepare.click()
    assert not panel.prepare.isEnabled() and not panel.cancel.isHidden()
    qtbot.waitUntil(lambda: panel.words.text().startswith("Registering"), timeout=LONG)
    panel.cancel.click()
    assert panel.words.text() == "Stopping…"
    go_on.set()
    qtbot.waitUntil(lambda: context.preparer.state == "idle", timeout=LONG)
    assert panel.outcome.text() == "Cancelled; nothing was added." and len(viewer.layers) == 2
