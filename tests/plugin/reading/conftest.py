from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtWidgets import QApplication

from anofpdm import Volume
from napari_anofpdm.app.context import Context
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.space.layer_volume import layer_data

if TYPE_CHECKING:
    from napari.viewer import Viewer

SHAPE = (30, 40, 24)
AFFINE = np.diag([-2.0, -1.5, 4.0, 1.0])


@pytest.fixture
def shown(make_napari_viewer_proxy: Callable[..., Viewer]) -> Viewer:
    """A viewer in sight, with a scan of voxels of 2 x 1.5 x 4 mm around a bright block."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(640, 480)
    prepare(viewer)
    data = np.zeros(SHAPE, dtype=np.float32)
    data[5:25, 8:32, 4:20] = np.random.default_rng(0).uniform(50, 100, (20, 24, 16))
    voxels, attributes, _ = layer_data(Volume(data, AFFINE), "scan", "image")
    viewer.add_layer(Image(voxels, **attributes))
    settle()
    return viewer


@pytest.fixture
def room(shown: Viewer) -> Context:
    """What the panels of the viewer in sight share."""
    return prepare(shown)


def settle() -> None:
    """Let the window lay itself out and draw."""
    for _ in range(4):
        QApplication.processEvents()
