"""What a click costs in three planes, against a move of the slice in the single view.

``xvfb-run -a python benchmarks/three_planes.py``. Medians until all canvases are drawn; by the
clock and, in brackets, in processor time. Where there is no GPU, drawing is done by the processor
and takes most of the time. ``--cycles 200`` opens and closes the planes and prints the memory.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", "")
sys.path.insert(0, str(Path(__file__).parent))

import napari
import psutil
from qtpy.QtWidgets import QApplication
from viewer_latency import blob_scan, made_up, median, report, timed, wait_until

from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.space.layer_volume import layer_data

CLICKS = 12


def draw() -> None:
    """Let the window draw."""
    for _ in range(3):
        QApplication.processEvents()


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
    context.session.set_analysis(made_up(scan))
    wait_until(lambda: context.session.is_current)

    def click(k: int) -> None:
        viewer.dims.set_point((1, 2, 3), (60.0 + k, -100.0 - k, 110.0 + k))

    def shown(k: int) -> None:
        click(k)
        draw()

    draw()
    one = median([timed(lambda k=k: shown(k)) for k in range(CLICKS)])
    context.layouts.show("planes")
    draw()
    three = median([timed(lambda k=k: shown(k)) for k in range(CLICKS)])
    update = median([timed(lambda k=k: click(k)) for k in range(CLICKS)])
    report("click, single view", one)
    report("click, three planes", three, 60)
    report("  of it, before drawing", update)
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
