from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from anofpdm import Analysis, Volume, interpret
from anofpdm.analysis.step_maps import step_maps
from anofpdm.common.errors import SettingsError
from anofpdm.results.native import to_native
from anofpdm.scans.geometry import SliceGeometry
from napari_anofpdm.session.session import Session
from napari_anofpdm.space.layer_volume import layer_data, volume_of
from napari_anofpdm.space.placement import place_network
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.app.context import Context
    from napari_anofpdm.layers.manager import LayerManager
    from napari_anofpdm.layers.roles import Role

MASKED = {"threshold": {"kind": "absolute", "value": 0.01}, "gate": False, "median_kernel": 1}


@pytest.fixture
def session(
    viewer: Viewer, session: Session, tiny_volume: Volume, tiny_analysis: Analysis, qtbot: QtBot
) -> Session:
    """A session whose analysis lies on its scan, interpreted, with a mask that is not empty."""
    data, attributes, _ = layer_data(tiny_volume, "scan", "image")
    viewer.add_image(data, **attributes)
    session.set_analysis(tiny_analysis)
    session.update_settings(**MASKED)
    settle(session, qtbot)
    return session


def settle(session: Session, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)


@pytest.fixture
def manager(context: Context) -> LayerManager:
    return context.layers


def layer(manager: LayerManager, role: Role) -> Layer:
    found = manager.layer(role)
    assert found is not None
    return found


def expected_mask(session: Session) -> NDArray[np.uint8]:
    assert session.analysis is not None and session.settings is not None
    return to_native(session.analysis, interpret(session.analysis, session.settings)).mask


def as_shown(mask: NDArray[np.generic], session: Session) -> NDArray[np.generic]:
    assert session.analysis is not None
    return session.analysis.geometry.orientation.to_canonical(mask).transpose()


def test_the_layers_stand_on_the_scan(
    viewer: Viewer, session: Session, manager: LayerManager
) -> None:
    scan, preview = viewer.layers["scan"], layer(manager, "preview")
    np.testing.assert_allclose(preview.extent.world, scan.extent.world)
    for role in ("map", "sam"):
        image = layer(manager, role)
        np.testing.assert_allclose(image.extent.world[:, -3], scan.extent.world[:, 0])
    assert viewer.dims.ndim == 4
    assert viewer.dims.axis_labels == ("step", "S", "P", "L")
    assert [str(unit) for unit in layer(manager, "sam").units] == [
        "dimensionless",
        "millimeter",
        "millimeter",
        "millimeter",
    ]


def test_the_preview_is_the_cores_mask(session: Session, manager: LayerManager) -> None:
    mask = expected_mask(session)
    assert mask.any()
    np.testing.assert_array_equal(layer(manager, "preview").data, as_shown(mask, session))


def test_the_slice_in_view_follows_at_once_and_the_volume_later(
    session: Session, qtbot: QtBot, manager: LayerManager
) -> None:
    session.set_position(1)
    before = layer(manager, "preview").data.copy()
    session.update_settings(threshold={"kind": "absolute", "value": 1.0})
    now = layer(manager, "preview").data
    wanted = as_shown(expected_mask(session), session)
    k = int(session.analysis.slice_ids[1])  # type: ignore[union-attr]
    assert not np.array_equal(now[k], before[k])
    np.testing.assert_array_equal(now[k], wanted[k])
    others = np.arange(len(now)) != k
    np.testing.assert_array_equal(now[others], before[others])
    settle(session, qtbot)
    np.testing.assert_array_equal(layer(manager, "preview").data, wanted)


def test_the_map_is_the_cores_map(session: Session, manager: LayerManager) -> None:
    assert session.analysis is not None and session.settings is not None
    shown = layer(manager, "map").data
    result = interpret(session.analysis, session.settings)
    grid = place_network(session.analysis.geometry)
    for image, k in zip(result.filtered_map, result.slice_ids, strict=True):
        np.testing.assert_array_equal(shown[k], grid.along_world(image))
    assert layer(manager, "map").contrast_limits[1] == pytest.approx(result.filtered_map.max())


def test_what_lies_far_below_the_threshold_stays_dim(
    session: Session, qtbot: QtBot, manager: LayerManager
) -> None:
    assert session.volume_result is not None
    high = 10.0 * float(session.volume_result.filtered_map.max())
    session.update_settings(threshold={"kind": "absolute", "value": high}, gate=False)
    settle(session, qtbot)
    assert layer(manager, "map").contrast_limits[1] == pytest.approx(high)


def test_contrast_that_the_user_set_stays(
    session: Session, qtbot: QtBot, manager: LayerManager
) -> None:
    image = layer(manager, "map")
    image.contrast_limits = (0.1, 0.2)
    session.update_settings(guidance=9.0)
    settle(session, qtbot)
    assert list(image.contrast_limits) == [0.1, 0.2]


def test_the_steps_are_the_cores_maps(session: Session, manager: LayerManager) -> None:
    analysis, settings = session.analysis, session.settings
    assert analysis is not None and settings is not None
    grid = place_network(analysis.geometry)
    manager.show_predictions(True)
    for role, name in (("sam", "sam"), ("healthy", "healthy"), ("unguided", "unguided")):
        array = layer(manager, role).data  # type: ignore[arg-type]
        assert array.shape == (4, *grid.shape)
        for step in range(4):
            expected = getattr(step_maps(analysis, settings, 1, step), name)[0]
            shown = array[step, int(analysis.slice_ids[1])]
            np.testing.assert_array_equal(shown, grid.along_world(expected))
        assert not array[:, 0].any(), "a slice that was not analysed is zero"
    manager.show_predictions(False)
    assert manager.layer("healthy") is None


def test_another_guidance_changes_the_steps(session: Session, manager: LayerManager) -> None:
    array = layer(manager, "sam").data
    before = array[1]
    session.update_settings(guidance=0.0)
    assert array[1].max() < before.max()


def test_the_sliders_and_the_session_follow_each_other(
    viewer: Viewer, session: Session, manager: LayerManager
) -> None:
    analysis = session.analysis
    assert analysis is not None
    for position in (0, 3, 1):
        session.set_position(position)
        k = int(analysis.slice_ids[position])
        preview = layer(manager, "preview")
        assert viewer.dims.point[1] == preview.translate[0] + k * preview.scale[0]
    session.set_step(2)
    assert viewer.dims.point[0] == 2
    viewer.dims.set_current_step(0, 3)
    assert session.step == 3
    viewer.dims.set_current_step(1, int(analysis.slice_ids[2]))
    assert session.position == 2
    viewer.dims.set_current_step(1, 0)
    assert session.position == -1, "slice 0 was not analysed"


def test_the_sagittal_view_keeps_the_slice(viewer: Viewer, session: Session) -> None:
    session.set_position(2)
    viewer.dims.order = (0, 3, 1, 2)
    viewer.dims.set_current_step(3, 4)
    assert session.position == 2


def test_the_first_step_taken_shows_the_steps(
    viewer: Viewer, session: Session, manager: LayerManager
) -> None:
    assert layer(manager, "map").visible and not layer(manager, "sam").visible
    session.set_position(0)
    assert session.analysis is not None
    assert session.step == 3, "until the step is moved it is t_e"
    assert not layer(manager, "sam").visible
    viewer.dims.set_current_step(0, 1)
    assert layer(manager, "sam").visible and not layer(manager, "map").visible


def test_a_committed_mask_can_be_painted_and_undone(
    viewer: Viewer, session: Session, manager: LayerManager
) -> None:
    mask = manager.commit_mask()
    assert mask is not None
    assert mask.metadata["anofpdm_role"] == "mask"
    np.testing.assert_array_equal(mask.get_color(1), layer(manager, "preview").get_color(1))
    wanted = expected_mask(session)
    np.testing.assert_array_equal(volume_of(mask).data, wanted)
    assert viewer.layers.selection.active == mask
    assert not layer(manager, "preview").visible
    before = mask.data.copy()
    mask.undo()
    np.testing.assert_array_equal(mask.data, before)
    mask.data_setitem((np.array([2]), np.array([0]), np.array([0])), 1)
    assert mask.data[2, 0, 0] == 1
    assert session.native is not None
    np.testing.assert_array_equal(session.native.mask, wanted)
    mask.undo()
    np.testing.assert_array_equal(mask.data, before)


def test_a_second_commit_leaves_the_first_alone(
    viewer: Viewer, session: Session, qtbot: QtBot, manager: LayerManager
) -> None:
    first = manager.commit_mask()
    assert first is not None
    before = first.data.copy()
    session.update_settings(threshold={"kind": "absolute", "value": 1.0})
    assert manager.commit_mask() is None, "the volume is not interpreted yet"
    qtbot.waitUntil(lambda: "Mask [1]" in viewer.layers, timeout=LONG)
    np.testing.assert_array_equal(first.data, before)
    second = viewer.layers["Mask [1]"]
    np.testing.assert_array_equal(volume_of(second).data, expected_mask(session))
    assert not np.array_equal(second.data, before)


def test_there_is_nothing_to_commit_without_an_analysis(
    viewer: Viewer, manager: LayerManager
) -> None:
    with pytest.raises(SettingsError, match="no mask to edit yet"):
        manager.commit_mask()


def test_a_rejected_lesion_leaves_preview_and_commit(
    session: Session, qtbot: QtBot, manager: LayerManager
) -> None:
    assert session.lesions is not None and len(session.lesions.table) == 1
    session.set_verdict(1, "rejected")
    assert not layer(manager, "preview").data.any()
    session.update_settings(guidance=2.5)
    assert not layer(manager, "preview").data.any()
    settle(session, qtbot)
    assert session.rejected == {1}
    assert not layer(manager, "preview").data.any()
    session.set_verdict(1, "unreviewed")
    assert layer(manager, "preview").data.any()


def test_another_analysis_of_the_scan_keeps_what_the_user_set(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot, manager: LayerManager
) -> None:
    manager.show_predictions(True)
    session.set_step(1)
    shown = {role: layer(manager, role) for role in ("map", "sam", "healthy", "preview")}
    shown["map"].opacity = 0.3
    session.set_analysis(tiny_analysis, done=[])
    for role, one in shown.items():
        assert manager.layer(role) is one  # type: ignore[arg-type]
    assert shown["map"].opacity == 0.3
    assert not shown["map"].data.any() and not shown["preview"].data.any()
    assert not shown["sam"].data[1].any(), "no slice is computed yet"
    session.add_done(range(4))
    settle(session, qtbot)
    assert shown["sam"].data[1].any()
    np.testing.assert_array_equal(shown["preview"].data, as_shown(expected_mask(session), session))


def test_an_analysis_on_another_grid_gets_its_own_layers(
    viewer: Viewer, session: Session, tiny_volume: Volume, manager: LayerManager
) -> None:
    manager.show_predictions(True)
    former = layer(manager, "map")
    moved = tiny_volume.affine.copy()
    moved[:3, 3] += 10
    assert session.analysis is not None
    stored = session.analysis.geometry.to_dict() | {"affine": moved.tolist()}
    geometry = SliceGeometry.from_dict(stored)
    inputs = replace(session.analysis.inputs, geometry=geometry)
    session.set_analysis(replace(session.analysis, inputs=inputs))
    assert former not in viewer.layers
    assert layer(manager, "map") in viewer.layers
    names = [one.name for one in viewer.layers]
    assert len(names) == 6, names


def test_the_preview_makes_way_for_a_mask_and_comes_back(
    session: Session, qtbot: QtBot, manager: LayerManager
) -> None:
    preview = layer(manager, "preview")
    preview.visible = False
    session.update_settings(guidance=2.25)
    assert not preview.visible, "the user hid it"
    preview.visible = True
    settle(session, qtbot)
    manager.commit_mask()
    assert not preview.visible
    session.update_settings(guidance=2.0)
    assert preview.visible


def test_a_deleted_layer_stays_away(
    viewer: Viewer, session: Session, qtbot: QtBot, manager: LayerManager
) -> None:
    viewer.layers.remove(layer(manager, "sam"))
    viewer.layers.remove(layer(manager, "preview"))
    session.update_settings(guidance=5.0)
    settle(session, qtbot)
    session.set_step(1)
    assert manager.layer("sam") is None
    viewer.layers.clear()
    assert session.analysis is None
    assert len(viewer.layers) == 0


def test_closing_the_analysis_leaves_scan_and_masks(
    viewer: Viewer, session: Session, manager: LayerManager
) -> None:
    manager.commit_mask()
    session.close_analysis()
    assert [one.name for one in viewer.layers] == ["scan", "Mask"]
    assert viewer.dims.ndim == 3


def test_the_active_layer_stays_active(
    viewer: Viewer, session: Session, tiny_analysis: Analysis
) -> None:
    viewer.layers.selection.active = viewer.layers["scan"]
    session.set_analysis(tiny_analysis)
    assert viewer.layers.selection.active == viewer.layers["scan"]
