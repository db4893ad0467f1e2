"""What the viewer costs: opening it, moving a slider, interpreting a volume, running the network.

Run it where a window can be opened, ``xvfb-run -a python benchmarks/viewer_latency.py``; each
figure comes with what is aimed at. Medians; by the clock and, in brackets, in processor time,
which a busy machine leaves alone. ``--only slider`` (or panels, volume, run) measures one of them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from anofpdm import Analysis, Volume
    from napari_anofpdm.session.session import Session

PARTS = ("panels", "slider", "volume", "run")
STEPS = 30
REPEATS = 9
_OPENING = """
import sys, time
import napari
viewer = napari.Viewer()
clock, busy = time.perf_counter(), time.process_time()
from {module} import {panel}
viewer.window.add_dock_widget({panel}(viewer))
print(time.perf_counter() - clock, time.process_time() - busy, "torch" in sys.modules)
viewer.close()
"""


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of processor time."""

    clock: float
    processor: float


def timed(work: Callable[[], object]) -> Cost:
    """Time one call."""
    clock, busy = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - clock, time.process_time() - busy)


def median(costs: list[Cost]) -> Cost:
    """Take the medians of both."""
    return Cost(
        statistics.median(cost.clock for cost in costs),
        statistics.median(cost.processor for cost in costs),
    )


def wait_until(reached: Callable[[], bool]) -> None:
    """Let the window work, as it does under a user, until something is so."""
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if reached() else None)
    timer.start(10)
    loop.exec()
    timer.stop()


def blob_scan(slices: int) -> Volume:
    """Make a scan of 240 x 240 voxels of 1 mm a slice: a brain-like ball with a bright blob."""
    from anofpdm import Volume

    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (240, 240, slices)), indexing="ij")
    brain = x**2 + y**2 + 0.3 * z**2 < 0.6
    blob = (x - 0.3) ** 2 + (y + 0.2) ** 2 + z**2 < 0.03
    values = np.where(brain, 300.0 + 200.0 * blob, 0.0).astype(np.float32)
    return Volume(values, np.diag([-1.0, 1.0, 2.0, 1.0]), "flair")


def made_up(scan: Volume) -> Analysis:
    """Make an analysis of the scan whose steps err on the blob; no network needed."""
    from anofpdm.analysis.growing import finished
    from anofpdm.analysis.inputs import AnalysisInputs
    from anofpdm.analysis.metadata import AnalysisMetadata
    from anofpdm.analysis.writer import AnalysisWriter
    from anofpdm.method.schedule import strided_timesteps
    from anofpdm.model.bundle import load_bundle
    from anofpdm.scans.preprocessing import preprocess

    model = load_bundle("flair-synth")
    stack = preprocess({"flair": scan}, ("flair",), model.metadata.preprocessing)
    inputs = AnalysisInputs.of(stack, {"flair": scan.data}, [0])
    metadata = AnalysisMetadata(
        bundle=model.metadata,
        bundle_hash=model.hash,
        timesteps=strided_timesteps(STEPS, 600),
        process="ddim",
        clip=True,
        seed=0,
    )
    rng = np.random.default_rng(0)
    bright = stack.slices > np.quantile(stack.slices[stack.slices > 0], 0.98)
    with AnalysisWriter(None, metadata, inputs) as writer:
        for position, (x0, blob) in enumerate(zip(stack.slices, bright, strict=True)):
            noise = rng.standard_normal((2, STEPS, *x0.shape), dtype=np.float32)
            gap = 0.05 * blob + 0.01 * noise[1]
            writer.write([position], (x0 + 0.03 * noise[0])[None], gap[None])
        return finished(writer)


@contextmanager
def opened(scan: Volume) -> Iterator[tuple[Viewer, Session]]:
    """Open a viewer with a scan in it."""
    import napari

    from napari_anofpdm.app.context import context_of
    from napari_anofpdm.space.layer_volume import layer_data

    viewer = napari.Viewer()
    data, attributes, _ = layer_data(scan, "flair", "image")
    viewer.add_image(data, **attributes)
    yield viewer, context_of(viewer).session
    viewer.close()


def panels() -> None:
    """Time the opening of each panel, in a process of its own each."""
    from napari_anofpdm.app.workspace import PANELS

    for panel in PANELS:
        module, name = panel.python_name.split(":")
        code = _OPENING.format(module=module, panel=name)
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        clock, busy, torch = ran.stdout.split()[-3:]
        report(f"open {panel.name}", Cost(float(clock), float(busy)), 500, f"torch: {torch}")


def slider(session: Session) -> None:
    """Time from a setting to the contour and map of the slice in view, and to its drawing."""
    assert session.analysis is not None
    session.set_position(len(session.analysis) // 2)
    moves: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "threshold": (
            {"threshold": {"kind": "absolute", "value": 0.05}},
            {"threshold": {"kind": "absolute", "value": 0.5}},
        ),
        "guidance": ({"guidance": 4.0}, {"guidance": 8.0}),
        "SAM variant": ({"sam": "weighted_gradient"}, {"sam": "sam"}),
    }
    for name, two in moves.items():
        costs = [timed(partial(session.update_settings, **changes)) for changes in two * REPEATS]
        report(f"slider, {name}", median(costs), 50)
        drawn = [timed(partial(to_the_canvas, session, changes)) for changes in two * REPEATS]
        report("  to the redrawn canvas", median(drawn))
    positions = [len(session.analysis) // 2 + k for k in (1, -1)]
    costs = [timed(partial(session.set_position, p)) for p in positions * REPEATS]
    report("another slice", median(costs), 50)


def to_the_canvas(session: Session, changes: dict[str, Any]) -> None:
    """Change settings, and let the window draw what follows."""
    session.update_settings(**changes)
    QApplication.processEvents()


def volume(session: Session) -> None:
    """Time the interpretation of all slices, on both grids, behind the slider."""
    assert session.analysis is not None
    costs = []
    for guidance in (5.0, 6.0, 7.0):
        wait_until(lambda: session.is_current)

        def work(guidance: float = guidance) -> None:
            session.update_settings(guidance=guidance)
            session.result_wanted.emit()
            wait_until(lambda: session.is_current)

        costs.append(timed(work))
    report(f"volume of {len(session.analysis)} slices", median(costs))


def run(slices: int = 24, steps: int = 20) -> None:
    """Time the network under the viewer and without it, by turns.

    As many steps as the bundled model is calibrated for, batches as the program chooses them;
    making the layers once, about a second, is told apart.
    """
    from anofpdm import analyze
    from anofpdm.synthetic import make_phantom
    from napari_anofpdm.app.context import context_of
    from napari_anofpdm.session.run_request import RunRequest

    scan = make_phantom(500_000, spacing=(1.5, 1.5, 4.0)).volumes["flair"]
    first = (scan.data.shape[2] - slices) // 2
    scan = replace(scan, data=scan.data[:, :, first : first + slices])
    volumes = {"flair": scan}
    request = RunRequest("flair-synth", volumes, None, "ddim", steps)
    with opened(scan) as (viewer, _):
        runs = context_of(viewer).run

        def under_the_viewer() -> None:
            runs.start(request)
            wait_until(lambda: runs.state == "idle")

        def headless() -> None:
            analyze(volumes, "flair-synth", process="ddim", steps=steps)

        headless()
        report("first run, layers made", timed(under_the_viewer))
        pairs = [(timed(under_the_viewer), timed(headless)) for _ in range(5)]
    window, alone = (median(list(costs)) for costs in zip(*pairs, strict=True))
    report("run under the viewer", window)
    report("run without it", alone)
    clock, busy = window.clock / alone.clock, window.processor / alone.processor
    print(f"{'ratio':28} {clock:10.2f}     [{busy:8.2f}   ]   (aim: at most 1.2)")


def report(name: str, cost: Cost, aim_ms: int | None = None, more: str = "") -> None:
    """Print one line."""
    aim = "" if aim_ms is None else f"   (aim: under {aim_ms} ms)"
    clock, processor = 1e3 * cost.clock, 1e3 * cost.processor
    print(f"{name:28} {clock:10.1f} ms  [{processor:8.1f} ms]{aim}  {more}".rstrip(), flush=True)


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=64)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args(arguments)
    wanted = (options.only,) if options.only else PARTS
    if "panels" in wanted:
        panels()
    if "slider" in wanted or "volume" in wanted:
        scan = blob_scan(options.slices)
        with opened(scan) as (_, session):
            session.set_analysis(made_up(scan))
            wait_until(lambda: session.is_current)
            for name, measure in (("slider", slider), ("volume", volume)):
                if name in wanted:
                    measure(session)
    if "run" in wanted:
        run()


if __name__ == "__main__":
    main(sys.argv[1:])
