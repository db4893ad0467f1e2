"""What is shown belongs to the scan in view; analyses of several scans live side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.layers import Image, Layer

from anofpdm import Analysis, Volume
from napari_anofpdm.session.session import Session
from napari_anofpdm.space.layer_volume import layer_data
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_anofpdm.app.context import Context


def add(viewer: Viewer, volume: Volume, name: str) -> Image:
    layer = Layer.create(*layer_data(replace(volume), name, "image"))
    viewer.add_layer(layer)
    assert isinstance(layer, Image)
    return layer


@pytest.fixture
def first(viewer: Viewer, session: Session, tiny_volume: Volume, tiny_analysis: Analysis) -> Image:
    """The scan "first", analysed."""
    layer = add(viewer, tiny_volume, "first")
    session.set_analysis(tiny_analysis)
    return layer


def roles(viewer: Viewer) -> set[str]:
    return {layer.metadata["anofpdm_role"] for layer in viewer.layers if is_drawn(layer)}


def is_drawn(layer: Layer) -> bool:
    return "anofpdm_role" in layer.metadata


def test_another_patient_in_view_blanks_all_and_a_click_brings_the_first_back(
    viewer: Viewer, session: Session, first: Image, tiny_volume: Volume, tiny_analysis: Analysis
) -> None:
    session.update_settings(guidance=7.0)
    assert roles(viewer) >= {"map", "preview"}
    add(viewer, tiny_volume, "second")
    assert session.scan is not None and session.scan.name == "second"
    assert session.analysis is None
    assert roles(viewer) == set()
    [kept] = session.kept_scans
    session.scan_wanted.emit(kept)
    assert session.analysis is tiny_analysis
    assert session.settings is not None and session.settings.guidance == 7.0
    assert roles(viewer) >= {"map", "preview"}


def test_each_scan_has_its_own_settings_and_results(
    viewer: Viewer,
    session: Session,
    first: Image,
    tiny_volume: Volume,
    tiny_analysis: Analysis,
    qtbot: QtBot,
) -> None:
    from tests.core.segmentation_cases import analysis

    session.update_settings(guidance=7.0)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    found = session.native
    second = add(viewer, tiny_volume, "second")
    other = analysis()
    session.set_analysis(other)
    own = other.default_settings()
    assert session.settings == own
    session.update_settings(guidance=3.0)
    second.visible = False
    assert session.analysis is tiny_analysis
    assert session.settings is not None and session.settings.guidance == 7.0
    assert session.native is found
    second.visible = True
    assert session.analysis is other
    assert session.settings.guidance == 3.0


def test_hiding_every_scan_changes_nothing(session: Session, first: Image) -> None:
    analysis = session.analysis
    first.visible = False
    assert session.analysis is analysis is not None


def test_a_scan_that_was_removed_comes_back_from_its_analysis(
    viewer: Viewer, session: Session, first: Image, tiny_volume: Volume
) -> None:
    analysis = session.analysis
    viewer.layers.remove(first)
    assert session.scan is None and session.analysis is None
    assert len(viewer.layers) == 0
    [kept] = session.kept_scans
    session.scan_wanted.emit(kept)
    assert session.analysis is analysis is not None
    [scan] = [layer for layer in viewer.layers if not is_drawn(layer)]
    assert scan.data.shape == first.data.shape
    assert np.array_equal(scan.data, first.data)


def test_contrasts_of_one_head_keep_the_result_in_view(
    viewer: Viewer, session: Session, tiny_volume: Volume, tiny_analysis: Analysis, tmp_path: Path
) -> None:
    for name in ("p1_flair", "p1_t1", "p2_t1"):
        file = tmp_path / f"{name}.nii.gz"
        add(viewer, replace(tiny_volume, path=file), name)
        if name == "p1_flair":
            session.set_analysis(tiny_analysis)
        assert (session.analysis is not None) == name.startswith("p1")


def test_the_user_joins_a_scan_to_an_analysed_head(
    viewer: Viewer, session: Session, first: Image, tiny_volume: Volume
) -> None:
    analysis = session.analysis
    add(viewer, tiny_volume, "the same head, other contrast")
    [kept] = session.kept_scans
    session.scan_joined.emit(kept)
    assert session.analysis is analysis is not None
    assert session.kept_scans == []


def test_another_name_and_other_voxels_are_told(session: Session, first: Image) -> None:
    assert session.scan is not None
    heard: list[object] = []
    session.scan_changed.connect(heard.append)
    first.name = "renamed"
    assert session.scan.name == "renamed"
    assert not session.scan.is_changed
    first.data = first.data + 1
    assert session.scan.is_changed
    assert len(heard) == 2


@pytest.mark.parametrize("change", ["translate", "scale"])
def test_a_scan_that_was_moved_is_told(session: Session, first: Image, change: str) -> None:
    assert session.scan is not None
    setattr(first, change, np.asarray(getattr(first, change)) * 2 + 1)
    assert session.scan.is_changed


def test_a_run_brings_its_scan_into_view(
    viewer: Viewer, session: Session, first: Image, tiny_volume: Volume, context: Context
) -> None:
    second = add(viewer, tiny_volume, "second")
    scan = context.scans.run_on([first])
    assert session.scan is scan
    assert list(viewer.layers).index(first) > list(viewer.layers).index(second)


def test_closing_an_analysis_lets_go_of_it(
    viewer: Viewer, session: Session, first: Image, tiny_volume: Volume, tiny_analysis: Analysis
) -> None:
    add(viewer, tiny_volume, "second")
    session.close_analysis(tiny_analysis)
    assert session.kept_scans == []
    session.show_scan(None)
    assert not session.holds(tiny_analysis)


def test_a_scan_that_is_brought_back_brings_its_edited_mask_along(
    viewer: Viewer,
    context: Context,
    session: Session,
    first: Image,
    tiny_volume: Volume,
    qtbot: QtBot,
) -> None:
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    mask = context.layers.commit_mask()
    assert mask is not None
    qtbot.waitUntil(lambda: session.edited is not None, timeout=LONG)
    edited = session.edited
    second = add(viewer, tiny_volume, "second")
    assert session.edited is None
    session.scan_wanted.emit(session.kept_scans[0])
    assert session.edited is edited
    order = [layer.name for layer in viewer.layers if layer.name in ("first", "Mask", "second")]
    assert order == ["second", "first", "Mask"]
    preview = context.layers.layer("preview")
    assert preview is not None and not preview.visible
    context.scans.bring_back(context.scans.scan_of([second]))
    mask.visible = False
    session.scan_wanted.emit(session.kept_scans[0])
    assert session.edited is None
    preview = context.layers.layer("preview")
    assert preview is not None and preview.visible


def moved(volume: Volume, by_mm: tuple[float, float, float]) -> Volume:
    affine = np.array(volume.affine)
    affine[:3, 3] += by_mm
    return replace(volume, affine=affine)


def test_an_analysis_keeps_zoom_and_centre(
    viewer: Viewer, session: Session, tiny_volume: Volume, tiny_analysis: Analysis
) -> None:
    add(viewer, tiny_volume, "first")
    camera = viewer.scene.camera
    camera.zoom, camera.center = 17.0, (0.0, 4.0, -3.0)
    session.set_analysis(tiny_analysis)
    assert viewer.dims.ndim == 4
    assert (camera.zoom, camera.center) == (17.0, (0.0, 4.0, -3.0))
    session.close_analysis()
    assert viewer.dims.ndim == 3
    assert (camera.zoom, camera.center) == (17.0, (0.0, 4.0, -3.0))


def test_the_view_goes_to_a_scan_with_another_origin(
    viewer: Viewer, first: Image, tiny_volume: Volume
) -> None:
    viewer.dims.set_point(viewer.dims.ndim - 3, -8.0)
    before, slice_before = viewer.scene.camera.zoom, viewer.dims.point[-3]
    far = add(viewer, moved(tiny_volume, (300.0, -40.0, 500.0)), "far")
    box = far.extent.world
    assert np.allclose(viewer.scene.camera.center[1:], box.mean(axis=0)[1:], atol=6.0)
    assert box[0, 0] <= viewer.dims.point[-3] <= box[1, 0]
    assert viewer.scene.camera.zoom == pytest.approx(before, rel=0.01)  # it is of the same size
    camera = viewer.scene.camera
    far.visible = False
    box = first.extent.world
    assert np.allclose(viewer.scene.camera.center[1:], box.mean(axis=0)[1:], atol=6.0)
    assert viewer.dims.point[-3] == slice_before
    camera.zoom = 1.7 * before
    far.visible = True
    far.visible = False
    assert camera.zoom == 1.7 * before


def test_the_view_stays_at_a_scan_in_the_same_place(
    viewer: Viewer, first: Image, tiny_volume: Volume
) -> None:
    camera = viewer.scene.camera
    camera.zoom, camera.center = 40.0, (0.0, 25.0, -20.0)
    viewer.dims.set_point(viewer.dims.ndim - 3, 4.0)
    add(viewer, tiny_volume, "second")
    assert (camera.zoom, camera.center) == (40.0, (0.0, 25.0, -20.0))
    assert viewer.dims.point[-3] == 4.0
