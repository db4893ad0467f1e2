from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox

from anofpdm import Analysis, Settings, Volume
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import AbsoluteThreshold, DynamicQuantile, ManualQuantile
from anofpdm.results.lesions import find_lesions
from anofpdm.results.metrics import dice, iou
from anofpdm.results.native import NativeResult
from napari_anofpdm.panels.explore.lesion_model import ACCEPT, REJECT
from napari_anofpdm.panels.explore.panel import ExplorePanel
from napari_anofpdm.session.session import Session
from napari_anofpdm.space.layer_volume import layer_data
from napari_anofpdm.space.placement import RAS_TO_WORLD, place, place_point
from tests.plugin.panels.explore.test_setting_differences import SEARCHED, with_calibration
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_anofpdm.app.context import Context


@pytest.fixture
def analysis(tiny_analysis: Analysis) -> Analysis:
    return with_calibration(tiny_analysis, SEARCHED)


@pytest.fixture
def panel(viewer: Viewer, session: Session, qtbot: QtBot, context: Context) -> ExplorePanel:
    panel = ExplorePanel(
        viewer, session, context.layers, context.look, context.tools, context.regions
    )
    qtbot.addWidget(panel)
    panel.resize(360, 760)
    panel.show()
    panel.form.advanced.button.setChecked(True)
    return panel


@pytest.fixture
def explored(panel: ExplorePanel, session: Session, analysis: Analysis) -> ExplorePanel:
    session.set_analysis(analysis)
    return panel


@pytest.fixture
def until(qtbot: QtBot) -> Callable[[Callable[[], bool]], None]:
    return lambda true: qtbot.waitUntil(true, timeout=LONG)


Until = Callable[[Callable[[], bool]], None]


def settings_of(session: Session) -> Settings:
    assert session.settings is not None
    return session.settings


def type_into(qtbot: QtBot, spin: QAbstractSpinBox, text: str) -> None:
    spin.selectAll()
    qtbot.keyClicks(spin, text)
    qtbot.keyClick(spin, Qt.Key.Key_Return)


def test_without_an_analysis_it_says_how_to_get_one(
    panel: ExplorePanel, session: Session, analysis: Analysis
) -> None:
    assert not panel.form.isVisible()
    session.set_analysis(analysis)
    assert panel.form.isVisible()
    session.close_analysis()
    assert not panel.form.isVisible()


def test_the_settings_that_rarely_change_are_folded_and_the_others_wide(
    explored: ExplorePanel,
) -> None:
    form = explored.form
    assert form.end_step.isVisible()
    form.advanced.button.click()
    assert not form.end_step.isVisible()
    assert form.guidance.isVisible() and form.threshold.isVisible()
    assert form.guidance.slider.width() > 150
    assert explored.lesions.y() < form.y()


def test_every_control_has_a_tooltip(explored: ExplorePanel) -> None:
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox)
    controls = [w for kind in kinds for w in explored.findChildren(kind)]
    bare = [
        w
        for w in controls
        if not w.toolTip()
        and not w.objectName().startswith("qt_")
        and type(w).__name__ not in ("QScrollBar", "QTableCornerButton", "QAbstractButton")
    ]
    assert len(controls) > 20
    assert bare == []


def test_guidance_takes_gate_and_m_max_along(
    explored: ExplorePanel, session: Session, qtbot: QtBot, until: Until
) -> None:
    type_into(qtbot, explored.form.guidance.spin, "4")
    until(lambda: settings_of(session).guidance == 4.0)
    assert settings_of(session) == Settings.from_calibration(SEARCHED, guidance=4.0)
    assert explored.form.cosine.value == 0.5
    assert explored.badge.text.text() == "Not as calibrated. Changed: guidance 4 instead of 2."
    qtbot.mouseClick(explored.badge.button, Qt.MouseButton.LeftButton)
    assert session.settings == session.calibrated
    assert explored.form.guidance.value == 2.0
    assert explored.badge.text.text().startswith("As calibrated")
    assert not explored.badge.button.isEnabled()


def test_candidates_are_marked_and_offered(
    explored: ExplorePanel, session: Session, until: Until
) -> None:
    menu = explored.form.candidates.menu()
    assert menu is not None
    assert [action.text()[:5] for action in menu.actions()] == ["w = 1", "w = 2", "w = 4"]
    assert len(explored.form.guidance.slider.marks) == 3
    menu.actions()[0].trigger()
    until(lambda: settings_of(session).guidance == 1.0)


def test_a_drag_is_throttled_and_its_end_counts(
    explored: ExplorePanel, session: Session, until: Until
) -> None:
    told: list[Settings] = []
    session.settings_changed.connect(told.append)
    for value in range(100, 900):
        explored.form.guidance.slider.setValue(value)
    last = explored.form.guidance.value
    until(lambda: settings_of(session).guidance == last)
    assert len(told) < 80


def test_refinement_is_switched_and_its_border_moved(
    explored: ExplorePanel, session: Session, qtbot: QtBot, until: Until
) -> None:
    form = explored.form
    assert not form.refine.isChecked() and not form.border.isEnabled()
    form.refine.click()
    until(lambda: settings_of(session).refinement == Refinement())
    assert form.border.isEnabled() and form.border.value == Refinement().border
    assert "refinement on" in explored.badge.text.text()
    type_into(qtbot, form.border.spin, "2.5")
    until(lambda: settings_of(session).refinement == Refinement(border=2.5))
    form.refine.click()
    until(lambda: settings_of(session).refinement is None)
    form.refine.click()  # the border is remembered
    until(lambda: settings_of(session).refinement == Refinement(border=2.5))


def test_a_calibrated_refinement_is_what_the_switch_restores(
    panel: ExplorePanel, session: Session, analysis: Analysis, until: Until
) -> None:
    rule = Refinement(border=0.5, reach_mm=6.0)
    own = SEARCHED.model_copy(update={"refinement": rule})
    session.set_analysis(with_calibration(analysis, own))
    assert panel.form.refine.isChecked() and panel.form.border.value == 0.5
    panel.form.refine.click()
    until(lambda: settings_of(session).refinement is None)
    panel.form.refine.click()
    until(lambda: settings_of(session).refinement == rule)


def test_each_field_changes_its_setting(
    explored: ExplorePanel, session: Session, qtbot: QtBot, until: Until
) -> None:
    form = explored.form
    moves: list[tuple[Callable[[], Any], str, Any]] = [
        (lambda: form.end_step.slider.setValue(2), "end_step", 400),
        (lambda: form.end_step.list.setCurrentIndex(0), "end_step", None),
        (lambda: form.end_step.list.setCurrentIndex(2), "end_step", 201),
        (lambda: form.sam.setCurrentIndex(1), "sam", "sam_at_end"),
        (lambda: form.polarity.setCurrentIndex(1), "polarity", "hyperintense"),
        (lambda: type_into(qtbot, form.cosine.spin, "0.75"), "cosine_threshold", 0.75),
        (lambda: form.gate.click(), "gate", False),
        (lambda: type_into(qtbot, form.median.spin, "3"), "median_kernel", 3),
        (lambda: type_into(qtbot, form.spot.spin, "0"), "min_component_pixels", 0),
        (lambda: type_into(qtbot, form.lesion.spin, "0.3"), "min_component_ml", 0.3),
        (
            lambda: form.threshold.region.setCurrentIndex(1),
            "threshold",
            DynamicQuantile(region="brain", low=0.7, high=0.97),
        ),
        (
            lambda: type_into(qtbot, form.threshold.low.spin, "0.98"),
            "threshold",
            DynamicQuantile(region="brain", low=0.98, high=0.98),
        ),
    ]
    for move, name, value in moves:
        move()
        until(lambda name=name, value=value: getattr(settings_of(session), name) == value)  # type: ignore[misc]
    changed = ("end step", "map", "gate off", "cosine", "median", "smallest", "threshold")
    assert all(word in explored.badge.text.text() for word in changed)


def test_another_kind_of_threshold_starts_where_the_slice_stands(
    explored: ExplorePanel, session: Session, until: Until
) -> None:
    until(lambda: session.slice_result is not None)
    result = session.slice_result
    assert result is not None
    threshold = explored.form.threshold
    threshold.kind.setCurrentIndex(1)
    until(lambda: isinstance(settings_of(session).threshold, ManualQuantile))
    rule = settings_of(session).threshold
    assert isinstance(rule, ManualQuantile) and rule.region == "image"
    assert rule.quantile == pytest.approx(float(result.quantile[0].mean()))
    threshold.kind.setCurrentIndex(2)
    until(lambda: isinstance(settings_of(session).threshold, AbsoluteThreshold))
    assert not threshold.region.isVisible()
    assert threshold.value.isVisible() and not threshold.quantile.isVisible()
    threshold.kind.setCurrentIndex(0)
    until(lambda: isinstance(settings_of(session).threshold, DynamicQuantile))
    assert session.settings == session.calibrated


@pytest.mark.parametrize(
    ("typed", "said"), [("4", "odd width, not 4"), ("99", "Median filter is 99")]
)
def test_an_invalid_value_is_framed_with_its_reason(
    explored: ExplorePanel,
    session: Session,
    qtbot: QtBot,
    until: Until,
    typed: str,
    said: str,
) -> None:
    before = session.settings
    type_into(qtbot, explored.form.median.spin, typed)
    form = explored.form
    row = next(row for row in form.rows if row.field is form.median)
    height = form.sizeHint().height()
    until(lambda: form.fault.text() != "")
    assert said in form.fault.text() and "median_kernel" not in form.fault.text()
    assert form.sizeHint().height() == height  # a message moves nothing
    assert "border: 1px solid" in row.field.styleSheet()
    assert session.settings == before
    assert sum(bool(other.field.styleSheet()) for other in form.rows) == 1
    type_into(qtbot, explored.form.median.spin, "3")
    until(lambda: form.fault.text() == "")
    assert row.field.styleSheet() == ""
    assert settings_of(session).median_kernel == 3


def test_an_uncalibrated_model_says_so_and_offers_what_it_can(
    panel: ExplorePanel, session: Session, analysis: Analysis, qtbot: QtBot, until: Until
) -> None:
    session.set_analysis(with_calibration(analysis, None))
    assert "not calibrated" in panel.badge.text.text()
    assert not panel.form.candidates.isVisible()
    kinds = panel.form.threshold.kind.model()
    assert kinds is not None
    flags = [kinds.flags(kinds.index(row, 0)) for row in range(3)]
    assert [bool(f & Qt.ItemFlag.ItemIsEnabled) for f in flags] == [False, True, True]
    assert panel.form.cosine.spin.text() == "none"
    panel.form.gate.click()
    until(lambda: settings_of(session).gate)
    assert settings_of(session).cosine_threshold == 0.99
    type_into(qtbot, panel.form.guidance.spin, "3")
    until(lambda: settings_of(session).guidance == 3.0)


def marked(session: Session) -> Session:
    """A fixed threshold under which the made-up analysis has lesions."""
    session.set_settings(
        Settings(threshold=AbsoluteThreshold(value=0.001), median_kernel=1, min_component_pixels=0)
    )
    return session


def test_lesions_are_listed_rejected_and_gone_to(
    explored: ExplorePanel, viewer: Viewer, session: Session, qtbot: QtBot, until: Until
) -> None:
    marked(session)
    until(lambda: session.is_current)
    assert session.native is not None and session.lesions is not None
    analysis = session.analysis
    assert analysis is not None
    affine = np.array(analysis.geometry.affine)
    found = find_lesions(session.native.mask, affine, session.native.anomaly_map).table
    model = explored.lesions.model
    assert model.rowCount() == len(found) > 0
    texts = [model.index(0, column).data() for column in range(ACCEPT)]
    first = found[0]
    assert texts[:2] == ["1", f"{first.volume_ml:.2f}"]
    assert texts[3] == f"{first.first_slice}-{first.last_slice}"
    assert float(texts[4]) == pytest.approx(first.peak, rel=0.01)
    click(qtbot, explored, 0, 1)
    world = place_point(analysis.geometry, np.array(first.centre_mm))
    step = place(analysis.geometry.as_volume(session.native.mask)).scale[0]
    assert viewer.dims.point[-3] == pytest.approx(world[0], abs=step / 2 + 1e-6)
    assert viewer.scene.camera.center[-2:] == pytest.approx(world[1:])
    assert analysis.slice_ids[session.position] in range(first.first_slice, first.last_slice + 1)
    tick(qtbot, explored, 0)
    assert session.rejected == {1}
    assert not session.native.mask[session.lesions.labels == 1].any()
    assert f"{len(found) - 1} lesion" in explored.lesions.summary.text()
    assert "(1 rejected)" in explored.lesions.summary.text()
    tick(qtbot, explored, 0)
    assert session.rejected == frozenset()


def test_rejecting_stays_where_one_is_and_the_arrows_go_to_lesions(
    explored: ExplorePanel, viewer: Viewer, session: Session, qtbot: QtBot, until: Until
) -> None:
    marked(session)
    until(lambda: session.is_current)
    two_lesions(session)
    table = explored.lesions.table
    click(qtbot, explored, 0, 1)
    before = viewer.dims.point
    tick(qtbot, explored, 1)
    tick(qtbot, explored, 0)
    assert session.rejected == {1, 2}
    assert table.currentIndex().row() == 0
    assert viewer.dims.point == before
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.currentIndex().row() == 1
    analysis = session.analysis
    assert analysis is not None and session.lesions is not None
    world = place_point(analysis.geometry, np.array(session.lesions.table[1].centre_mm))
    assert viewer.scene.camera.center[-2:] == pytest.approx(world[1:])


def two_lesions(session: Session) -> None:
    """Let the result in view have two lesions at known places."""
    assert session.volume_result is not None and session.native is not None
    assert session.analysis is not None
    mask = np.zeros_like(session.native.mask)
    mask[2:6, 2:5, 1:3] = 1
    mask[9:11, 10:12, 4] = 1
    lesions = find_lesions(mask, np.array(session.analysis.geometry.affine))
    assert len(lesions.table) == 2
    session.accept_volume(
        session.volume_result, NativeResult(mask, session.native.anomaly_map, lesions)
    )


def test_the_table_is_sorted_and_a_note_is_kept(
    explored: ExplorePanel, session: Session, qtbot: QtBot, until: Until
) -> None:
    marked(session)
    until(lambda: session.is_current)
    two_lesions(session)
    lesions = explored.lesions
    lesions.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert [lesions.model.item(row).number for row in (0, 1)] == [2, 1]
    click(qtbot, explored, 0, 1)
    assert session.reviews.selected == 2
    qtbot.keyClicks(lesions.note, "near the horn")
    qtbot.keyClick(lesions.note, Qt.Key.Key_Return)
    shown = session.reviews.shown
    assert shown is not None and shown.review.of(2).note == "near the horn"
    assert lesions.model.index(0, 0).data() == "2 ✎"
    session.select_lesion(1)
    assert lesions.table.currentIndex().row() == 1
    assert lesions.note.text() == ""
    session.select_lesion(None)
    assert not lesions.note.isEnabled()


@pytest.mark.parametrize("key", [Qt.Key.Key_H, Qt.Key.Key_9])
def test_the_lesion_table_leaves_the_viewers_keys_alone(
    explored: ExplorePanel, key: Qt.Key
) -> None:
    event = QKeyEvent(
        QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, chr(key.value).lower()
    )
    explored.lesions.table.keyPressEvent(event)
    assert not event.isAccepted()


def click(qtbot: QtBot, panel: ExplorePanel, row: int, column: int) -> None:
    table = panel.lesions.table
    place: QPoint = table.visualRect(panel.lesions.model.index(row, column)).center()
    port = table.viewport()
    assert port is not None
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=place)


def tick(qtbot: QtBot, panel: ExplorePanel, row: int) -> None:
    table = panel.lesions.table
    cell, port = table.visualRect(panel.lesions.model.index(row, REJECT)), table.viewport()
    assert port is not None
    place = QPoint(cell.left() + 10, cell.center().y())
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=place)


def add_reference(viewer: Viewer, volume: Volume, name: str = "truth") -> Labels:
    data, attributes, _ = layer_data(volume, name, "labels")
    return viewer.add_labels(data, **attributes)


def test_a_reference_is_scored_live(
    explored: ExplorePanel, viewer: Viewer, session: Session, until: Until
) -> None:
    marked(session)
    until(lambda: session.is_current)
    analysis = session.analysis
    assert analysis is not None and session.native is not None
    truth = np.roll(session.native.mask, 1, axis=0) * np.uint8(3)
    layer = add_reference(viewer, analysis.geometry.as_volume(truth))
    reference = explored.reference
    reference.layers.setCurrentText("truth")
    expected = (
        f"slices: {dice(session.native.mask, truth):.3f}, IoU {iou(session.native.mask, truth):.3f}"
    )
    assert 0 < dice(session.native.mask, truth) < 1
    assert expected in reference.volume.text()
    assert reference.slice.isVisible() and "Slice" in reference.slice.text()
    assert session.lesions is not None
    numbers = [lesion.number for lesion in session.lesions.table]
    for number in numbers:
        session.set_verdict(number, "rejected")
    assert "slices: 0.000" in reference.volume.text() and "mask 0.00 ml" in reference.volume.text()
    for number in numbers:
        session.set_verdict(number, "unreviewed")
    layer.data = np.zeros_like(layer.data)
    assert "reference 0.00 ml" in reference.volume.text()
    viewer.layers.remove(layer)
    assert reference.layers.currentText() == "none"
    assert not reference.volume.isVisible() and not reference.fault.isVisible()


def test_what_was_analysed_is_scored_and_named(
    explored: ExplorePanel, viewer: Viewer, session: Session, until: Until
) -> None:
    analysis = session.analysis
    assert analysis is not None
    session.set_analysis(analysis, done=[1])
    marked(session)
    until(lambda: session.is_current)
    assert session.native is not None
    canonical = analysis.geometry.orientation.to_canonical
    slice_id = int(analysis.slice_ids[1])
    truth = np.ones(analysis.geometry.shape, dtype=np.uint8)
    reference = explored.reference
    layer = add_reference(viewer, analysis.geometry.as_volume(truth))
    reference.layers.setCurrentText(layer.name)
    found, known = canonical(session.native.mask)[:, :, slice_id], canonical(truth)[:, :, slice_id]
    assert 0 < dice(found, known) < 1
    words = reference.volume.text()
    assert words.startswith(f"DICE of the 1 analysed slice: {dice(found, known):.3f}, ")
    beyond = (truth.sum() - known.sum()) * analysis.geometry.voxel_volume_ml
    assert words.endswith(f"; {beyond:.2f} ml of the reference lie in other slices")


def test_all_numbers_follow_the_mask_that_is_painted(
    explored: ExplorePanel,
    viewer: Viewer,
    session: Session,
    context: Context,
    until: Until,
) -> None:
    marked(session)
    until(lambda: session.is_current)
    analysis, found = session.analysis, session.native
    assert analysis is not None and found is not None
    truth = add_reference(viewer, analysis.geometry.as_volume(np.ones_like(found.mask)))
    reference, lesions = explored.reference, explored.lesions
    reference.layers.setCurrentText(truth.name)
    layer = context.layers.commit_mask()
    assert layer is not None
    until(lambda: session.edited is not None)
    assert session.edited is not None
    assert np.array_equal(session.edited.mask, found.mask)
    whole = layer.data.size * analysis.geometry.voxel_volume_ml
    layer.data_setitem(np.nonzero(layer.data == 0), 1)
    until(lambda: lesions.summary.text() == f"Edited mask: 1 lesion, {whole:.2f} ml")
    assert lesions.model.rowCount() == 1
    drop = lesions.model.index(0, REJECT)
    assert not lesions.model.flags(drop) & Qt.ItemFlag.ItemIsUserCheckable
    assert reference.volume.text().startswith("Edited mask: DICE of the ")
    assert ": 1.000, IoU 1.000; " in reference.volume.text()
    assert "DICE 1.000" in reference.slice.text()
    assert session.native is found  # what Export writes as the found mask
    layer.undo()
    until(lambda: session.edited is not None and np.array_equal(session.edited.mask, found.mask))
    session.update_settings(guidance=session.settings.guidance + 1)  # type: ignore[union-attr]
    assert session.edited is None
    assert not lesions.summary.text().startswith("Edited")
    layer.data_setitem(np.nonzero(layer.data == 0), 1)
    until(lambda: session.edited is not None)
    layer.visible = False
    assert session.edited is None
    layer.visible = True
    until(lambda: session.edited is not None)
    viewer.layers.remove(layer)
    assert session.edited is None


def test_only_a_mask_on_the_scans_grid_is_a_reference(
    explored: ExplorePanel, viewer: Viewer, session: Session, until: Until
) -> None:
    marked(session)
    until(lambda: session.is_current)
    analysis = session.analysis
    assert analysis is not None
    scan = analysis.geometry.as_volume(np.zeros(analysis.geometry.shape, dtype=np.uint8))
    moved = scan.affine.copy()
    moved[0, 3] += 20
    elsewhere = Volume(np.zeros(scan.shape, np.uint8), moved)
    smaller = Volume(scan.data[:-1], scan.affine)
    intensities = np.random.default_rng(0).normal(size=scan.shape).astype(np.float32)
    image_data, attributes, _ = layer_data(replace(scan, data=intensities), "flair", "image")
    refused = {
        "different grids": add_reference(viewer, elsewhere, "elsewhere"),
        "shapes": add_reference(viewer, smaller, "smaller"),
        "intensities": viewer.add_image(image_data, visible=False, **attributes),
    }
    reference = explored.reference
    for words, layer in refused.items():
        reference.layers.setCurrentText(layer.name)
        assert words in reference.fault.text() and layer.name in reference.fault.text()
        assert reference.fault.isVisible() and not reference.volume.isVisible()
    placed = place(scan)
    viewer.add_labels(
        placed.data.copy(), scale=placed.scale, translate=placed.translate, name="painted"
    )
    reference.layers.setCurrentText("painted")
    assert not reference.fault.isVisible() and reference.volume.isVisible()


@pytest.mark.window
def test_the_scores_follow_an_undone_stroke(
    explored: ExplorePanel, viewer: Viewer, session: Session, until: Until
) -> None:
    marked(session)
    until(lambda: session.is_current)
    assert session.analysis is not None and session.native is not None
    truth = np.roll(session.native.mask, 1, axis=0).astype(np.uint8)
    layer = add_reference(viewer, session.analysis.geometry.as_volume(truth))
    reference = explored.reference
    reference.layers.setCurrentText(layer.name)
    before = reference.volume.text()
    layer.data_setitem(np.nonzero(layer.data == 0), 1)
    until(lambda: reference.volume.text() != before)
    painted = reference.volume.text()
    layer.undo()
    until(lambda: reference.volume.text() == before)
    layer.redo()
    until(lambda: reference.volume.text() == painted)


def test_the_plugins_own_layers_are_no_reference(
    explored: ExplorePanel, viewer: Viewer, session: Session
) -> None:
    assert len(viewer.layers) >= 2
    assert explored.reference.layers.count() == 1


def test_points_of_an_oblique_scan_stand_on_its_voxels(tiny_analysis: Analysis) -> None:
    angle = np.deg2rad(19)
    turned = np.eye(4)
    turned[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    geometry = tiny_analysis.geometry
    for affine in (np.array(geometry.affine), turned @ np.array(geometry.affine)):
        there = geometry.model_copy(update={"affine": tuple(map(tuple, affine.tolist()))})
        there = type(geometry).from_dict(there.to_dict())
        placed = place(Volume(np.zeros(geometry.shape, np.uint8), affine))
        centre = affine[:3, :3] @ ((np.array(geometry.shape) - 1) / 2) + affine[:3, 3]
        middle = np.multiply(placed.scale, (np.array(placed.data.shape) - 1) / 2)
        np.testing.assert_allclose(place_point(there, centre), middle + placed.translate)
    np.testing.assert_allclose(
        place_point(geometry, np.array([3.0, 4.0, 5.0])), RAS_TO_WORLD @ [3.0, 4.0, 5.0]
    )
