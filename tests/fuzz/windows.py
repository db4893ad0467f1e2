"""Open a window, analyse, edit, close, many times: nothing may grow.

Run it where a window can be opened: ``xvfb-run -a python -m tests.fuzz.windows --cycles 200``.
``--plain`` opens and closes napari alone, for what it keeps by itself.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psutil

if TYPE_CHECKING:
    from napari.viewer import Viewer

WARM_UP: Final = 3
"""Cycles in which modules are loaded, caches are filled, and threads for life are started."""
_PATIENCE_S: Final = 300.0
_LAYOUTS_EVERY: Final = 5


@dataclass(frozen=True)
class Left:
    """What there is after a window was closed.

    Attributes
    ----------
    mib : float
        Resident memory.
    threads, files, widgets, layers, ours : int
        Living threads; open files; Qt widgets; layers of napari; objects of the plugin's classes.
    """

    mib: float
    threads: int
    files: int
    widgets: int
    layers: int
    ours: int


def cycle(scan: Path, bundle: Path, *, layouts: bool = True) -> None:
    """Open a viewer with all panels, analyse a scan, correct its mask, look around, close.

    The other layouts, with canvases of their own, take half of the time.
    """
    import napari

    from napari_anofpdm.app.context import context_of
    from napari_anofpdm.app.workspace import open_reading, panel_named, show_panel
    from napari_anofpdm.io.open_action import open_paths

    viewer = napari.Viewer(show=True)
    try:
        open_reading(viewer)
        show_panel(viewer, panel_named("Curves"))
        open_paths(viewer, [scan])
        context = context_of(viewer)
        panel: Any = show_panel(viewer, panel_named("Analyse"))
        panel.model.choose(str(bundle))
        panel.how.device_box.set_key("cpu")
        _until(panel.run_volume.isEnabled)
        panel.run_volume.click()
        _until(lambda: context.run.state == "idle" and context.session.analysis is not None)
        _until(lambda: context.session.is_current)
        show_panel(viewer, panel_named("Explore"))
        context.tools.keep_in_brain()
        context.tools.grow()
        context.tools.undo()
        if layouts:
            _look_around(viewer, context)
        _until(lambda: context.session.is_current)
    finally:
        viewer.close()


def plain_cycle() -> None:
    """Open and close napari with an image, without the plugin."""
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer(show=True)
    viewer.add_image(np.zeros((6, 15, 14), np.float32))
    QApplication.processEvents()
    viewer.close()


def _look_around(viewer: Viewer, context: Any) -> None:
    from qtpy.QtWidgets import QApplication

    for layout in ("planes", "side_by_side"):
        context.layouts.toggle(layout)
        for step in range(3):
            viewer.dims.set_current_step(0, step)
            QApplication.processEvents()
        context.layouts.toggle(layout)


def _until(reached: Callable[[], bool]) -> None:
    from qtpy.QtCore import QEventLoop, Qt, QTimer

    end = time.monotonic() + _PATIENCE_S
    loop, timer = QEventLoop(), QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: loop.quit() if reached() or time.monotonic() > end else None)
    timer.start(5)
    loop.exec()
    timer.stop()
    if not reached():
        raise TimeoutError("The window did not finish its work in time.")


def left() -> Left:
    """Destroy what is closed, and count what is left."""
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    for _ in range(3):
        gc.collect()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        QApplication.processEvents()
    gc.collect()
    process = psutil.Process()
    kinds = classes()
    return Left(
        mib=process.memory_info().rss / 2**20,
        threads=sum(thread.is_alive() for thread in threading.enumerate()),
        files=process.num_fds() if sys.platform != "win32" else 0,
        widgets=len(QApplication.allWidgets()),
        layers=sum(n for (_, name), n in kinds.items() if name in _LAYERS),
        ours=sum(n for (module, _), n in kinds.items() if module.startswith("napari_anofpdm.")),
    )


_LAYERS: Final = ("Image", "Labels", "Shapes", "Points")


def classes() -> Counter[tuple[str, str]]:
    """Count the living objects by module and name of their class."""
    kinds = (type(each) for each in gc.get_objects())
    return Counter((str(kind.__module__), kind.__name__) for kind in kinds)


def growth(values: list[float]) -> float:
    """Slope of a line through values, per cycle (Theil-Sen: the median of all slopes)."""
    pairs = [
        (later - earlier) / (j - i)
        for i, earlier in enumerate(values)
        for j, later in enumerate(values)
        if j > i
    ]
    return float(np.median(pairs)) if pairs else 0.0


def inputs(folder: Path) -> tuple[Path, Path]:
    """Write a small scan and a bundle of random weights; their paths."""
    from tests.core.segmentation_cases import bundle, write_scan

    bundle().save(folder / "tiny")
    return write_scan(folder / "flair.nii.gz"), folder / "tiny"


def main() -> int:
    """Run the cycles, and fail where something grows."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.windows", description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=np.inf, help="end after this time")
    parser.add_argument("--plain", action="store_true", help="napari alone")
    parser.add_argument("--mib", type=float, default=0.5, help="growth a cycle that is allowed")
    options = parser.parse_args()
    if options.cycles < WARM_UP + 2:
        parser.error(f"give {WARM_UP + 2} cycles or more")
    found: list[Left] = []
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="anofpdm-windows-") as folder:
        scan, bundle = inputs(Path(folder))
        for number in range(options.cycles):
            if options.plain:
                plain_cycle()
            else:
                cycle(scan, bundle, layouts=number % _LAYOUTS_EVERY == 0)
            found.append(left())
            if number == WARM_UP:
                before = classes()
            over = time.monotonic() > end and number > WARM_UP
            if number % 10 == 0 or number + 1 == options.cycles or over:
                sys.stdout.write(f"{number + 1}: {found[-1]}\n")
                sys.stdout.flush()
            if over:
                break
    steady = found[WARM_UP:]
    slope = growth([each.mib for each in steady])
    sys.stdout.write(f"memory grows by {slope:.2f} MiB a cycle\n")
    grown = [
        name
        for name in ("threads", "files", "widgets", "layers", "ours")
        if getattr(steady[-1], name) > getattr(steady[0], name)
    ]
    if grown:
        sys.stdout.write(f"grown: {', '.join(grown)}\n")
    for kind, count in (classes() - before).most_common(20):
        sys.stdout.write(f"    {count} more {'.'.join(kind)}\n")
    return int(bool(grown) or slope > options.mib)


if __name__ == "__main__":
    sys.exit(main())
