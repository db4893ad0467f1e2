from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from anofpdm import Volume
from napari_anofpdm.layers.windows import (
    WINDOWS,
    WindowName,
    apply_window,
    is_scan,
    next_window,
    scans_of,
    window_limits,
)
from napari_anofpdm.space.layer_volume import layer_data


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def _head() -> np.ndarray:
    """Background 0, tissue 100..200, one voxel that outshines all."""
    data = np.zeros((20, 20, 20), dtype=np.float32)
    data[4:16, 4:16, 4:16] = np.linspace(100, 200, 12**3).reshape(12, 12, 12)
    data[10, 10, 10] = 5000
    return data


def _layer(data: np.ndarray | None = None, name: str = "scan") -> Image:
    volume = Volume(_head() if data is None else data, np.eye(4))
    voxels, attributes, _ = layer_data(volume, name, "image")
    return Image(voxels, **attributes)


def test_the_brain_window_looks_past_background_and_outliers() -> None:
    low, high = window_limits(_head(), "brain")
    assert (low, high) == pytest.approx((101, 199), abs=0.5)


def test_the_narrow_window_lies_inside_the_brains() -> None:
    low, high = window_limits(_head(), "narrow")
    assert (low, high) == pytest.approx((110, 190), abs=0.5)


def test_the_full_window_holds_all_finite_voxels() -> None:
    data = _head()
    data[0, 0, :3] = -7, np.nan, np.inf
    assert window_limits(data, "full") == (-7, 5000)


def test_a_normalised_scan_is_windowed_by_all_its_tissue() -> None:
    data = _head()
    data[10, 10, 10] = 150
    normalised = np.where(data > 0, (data - 150) / 30, 0)
    low, high = window_limits(normalised, "brain")
    assert (low, high) == pytest.approx((-49 / 30, 49 / 30), abs=0.02)


@pytest.mark.parametrize("name", list(WINDOWS))
@pytest.mark.parametrize("value", [0.0, 3.0, np.nan])
def test_a_constant_scan_has_limits_that_napari_takes(value: float, name: WindowName) -> None:
    layer = _layer(np.full((4, 4, 4), value))
    apply_window(layer, name)
    low, high = layer.contrast_limits
    assert low < high


def test_the_slider_spans_the_full_range_in_every_window() -> None:
    layer = _layer()
    apply_window(layer, "narrow")
    assert layer.contrast_limits == pytest.approx((110, 190), abs=0.5)
    assert tuple(layer.contrast_limits_range) == (0, 5000)


def test_the_key_walks_through_all_windows_and_round(viewer: ViewerModel) -> None:
    layer = viewer.add_layer(_layer())
    seen = []
    for _ in range(len(WINDOWS) + 1):
        next_window(viewer)
        seen.append(tuple(layer.contrast_limits))
    assert len(set(seen)) == len(WINDOWS)
    assert seen[0] == seen[-1]
    assert viewer.status == f"Window: {WINDOWS['brain'].title}"


def test_only_selected_scans_change(viewer: ViewerModel) -> None:
    first, second = (viewer.add_layer(_layer(name=name)) for name in ("first", "second"))
    viewer.layers.selection = {first}
    before = tuple(second.contrast_limits)
    next_window(viewer)
    assert tuple(second.contrast_limits) == before
    viewer.layers.selection.clear()
    assert scans_of(viewer) == [first, second]


def test_results_and_foreign_images_are_no_scans() -> None:
    result = _layer()
    result.metadata = result.metadata | {"anofpdm_role": "map"}
    assert not is_scan(result)
    assert not is_scan(Image(np.zeros((3, 3, 3))))


def test_without_a_scan_the_key_does_nothing(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((3, 4, 5)))
    next_window(viewer)
