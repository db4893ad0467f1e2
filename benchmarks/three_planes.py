"""What a click costs in three planes, and what napari alone takes for the same canvases.

``xvfb-run -a python benchmarks/three_planes.py``. Medians until all canvases are drawn; by the
clock and, in brackets, in processor time. Where there is no GPU, drawing is done by the processor
and takes most of the time. All panels are open. In turns with the clicks, the same layers are moved
in three canvases without this plugin, and the canvases are drawn without any change.
``--cycles 200`` opens and closes the planes and prints the memory.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", "")
sys.path.insert(0, str(Path(__file__).parent))

import napari
import psutil
from napari.components import ViewerModel
from napari.layers import Layer
from napari.qt import QtViewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QSplitter
from viewer_latency import Cost, blob_scan, made_up, median, report, timed, wait_until

from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.app.workspace import open_reading
from napari_anofpdm.reading.central import Central
from napari_anofpdm.space.layer_volume import layer_data
from napari_anofpdm.space.views import PlaneName, turn_to

CLICKS = 12
PLANES: tuple[PlaneName, ...] = ("axial", "coronal", "sagittal")


def point_at(k: int) -> tuple[float, float, float]:
    """Return a point in mm, another one for each click."""
    return 60.0 + k, -100.0 - k, 110.0 + k


def draw() -> None:
    """Let the window draw."""
    for _ in range(3):
        QApplication.processEvents()


def bare(layers: Sequence[Layer], size: tuple[int, int]) -> tuple[Cost, Cost]:
    """Time a click in three canvases of napari alone, and drawing them without a change."""
    viewer = napari.Viewer()
    viewer.window.resize(*size)
    models = [viewer, ViewerModel(), ViewerModel()]
    canvases = [Central(viewer).canvas, *(QtViewer(model) for model in models[1:])]
    for model in models:
        for layer in layers:
            model.add_layer(Layer.create(*layer.as_layer_data_tuple()))
    column = QSplitter(Qt.Orientation.Vertical)
    for model, canvas, plane in zip(
        models, canvases, ("axial", "coronal", "sagittal"), strict=True
    ):
        canvas.dims.hide()
        turn_to(model, plane)
        model.reset_view()
        if model is not viewer:
            column.addWidget(canvas)
    Central(viewer).put_right(column)
    draw()

    def click(k: int) -> None:
        for model in models:
            model.dims.set_point(range(model.dims.ndim - 3, model.dims.ndim), point_at(k))
        draw()

    def again() -> None:
        for canvas in canvases:
            canvas.canvas.native.update()
        draw()

    click(0)
    costs = median([timed(lambda k=k: click(k)) for k in range(CLICKS)])
    drawn = median([timed(again) for _ in range(CLICKS)])
    viewer.close()
    return costs, drawn


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=155)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 800))
    parser.add_argument("--cycles", type=int, default=0)
    options = parser.parse_args()
    viewer = napari.Viewer()
    viewer.window.resize(*options.size)
    context = prepare(viewer)
    scan = blob_scan(options.slices)
    data, attributes, _ = layer_data(scan, "flair", "image")
    viewer.add_image(data, **attributes)
    open_reading(viewer)
    context.session.set_analysis(made_up(scan))
    wait_until(lambda: context.session.is_current)

    def click(k: int) -> None:
        viewer.dims.set_point((1, 2, 3), point_at(k))

    def shown(k: int) -> None:
        click(k)
        draw()

    draw()
    one = median([timed(lambda k=k: shown(k)) for k in range(CLICKS)])
    context.layouts.show("planes")
    draw()
    three = median([timed(lambda k=k: shown(k)) for k in range(CLICKS)])
    update = median([timed(lambda k=k: click(k)) for k in range(CLICKS)])
    shown_layers = [layer for layer in viewer.layers if layer.visible]
    napari_alone, drawing = bare(shown_layers, options.size)
    report("click, single view", one)
    report("click, three planes", three, 60)
    report("  of it, before drawing", update)
    report("napari alone, same layers", napari_alone)
    report("  of it, drawing", drawing)
    print(
        f"{'ratio':28} {three.clock / one.clock:10.2f}     [{three.processor / one.processor:8.2f}]"
    )
    process = psutil.Process()
    for cycle in range(options.cycles):
        context.layouts.show("single")
        draw()
        context.layouts.show("planes")
        draw()
        if cycle % 10 == 0:
            gc.collect()
            mib, threads = process.memory_info().rss / 2**20, process.num_threads()
            print(f"cycle {cycle:4}: {mib:8.0f} MiB, {threads} threads", flush=True)
    viewer.close()


if __name__ == "__main__":
    main()
