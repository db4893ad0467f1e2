"""Predictions have the window of the scan, wherever they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from anofpdm import Analysis
from napari_anofpdm.app.context import Context
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.layers.scan_layers import scan_layers

if TYPE_CHECKING:
    from napari.viewer import Viewer


@pytest.fixture(autouse=True)
def analysed(viewer: Viewer, context: Context, tiny_analysis: Analysis) -> None:
    """A scan and its analysis."""
    for layer in scan_layers(tiny_analysis, "scan"):
        viewer.add_layer(layer)
    context.session.set_analysis(tiny_analysis)


def expected(scan: Any) -> tuple[float, float]:
    """Preprocessing brings 0 to -1, and the 99th percentile of the brain to 1."""
    white = np.percentile(scan.data[scan.data > 0], 99)
    low, high = (2 * limit / white - 1 for limit in scan.contrast_limits)
    return low, high


def predictions(viewer: Viewer, context: Context) -> list[Any]:
    assert context.layouts.shown is not None
    elsewhere = [layer for view in context.layouts.shown.views for layer in view.model.layers]
    layers = [*viewer.layers, *elsewhere]
    return [layer for layer in layers if layer.metadata.get(ROLE) in ("healthy", "unguided")]


@pytest.mark.window
def test_side_by_side_and_the_blend_follow_the_window_of_the_scan(
    viewer: Viewer, context: Context
) -> None:
    scan: Any = viewer.layers[0]
    scan.contrast_limits = (40.0, 320.0)
    context.layouts.show("side_by_side")
    context.layers.steps.blend(0.5)
    context.layers.show_predictions(True)
    shown = predictions(viewer, context)
    assert len(shown) == 3
    for limits in ((40.0, 320.0), (0.0, 500.0)):
        scan.contrast_limits = limits
        for layer in shown:
            assert layer.contrast_limits == pytest.approx(expected(scan))


@pytest.mark.window
def test_the_lens_shows_the_same_window(viewer: Viewer, context: Context) -> None:
    scan: Any = viewer.layers[0]
    scan.contrast_limits = (10.0, 250.0)
    with context.lens.held("healthy"):
        layer: Any = context.layers.layer("healthy")
        assert layer.contrast_limits == pytest.approx(expected(scan))


def test_a_scan_of_other_voxels_leaves_the_whole_range(viewer: Viewer, context: Context) -> None:
    context.layers.show_predictions(True)
    layer: Any = context.layers.layer("healthy")
    assert layer.contrast_limits != [-1.0, 1.0]
    scan: Any = viewer.layers[0]
    scan.data = scan.data[1:]
    assert layer.contrast_limits == [-1.0, 1.0]
