"""What the tests of the plugin share: a tiny model, scan and analysis, a viewer, a leak check."""

from __future__ import annotations

import functools
import gc
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from napari._vispy import canvas
from napari.settings import NapariSettings
from napari.utils._proxies import PublicOnlyProxy
from napari.utils.action_manager import action_manager
from napari.utils.events import EventEmitter
from napari.utils.notifications import Notification, notification_manager
from npe2 import PluginManifest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget
from vispy.gloo import program

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from anofpdm import Analysis, Volume
    from napari_anofpdm.app.context import Context
    from napari_anofpdm.session.session import Session

# Threads that zarr starts with the first store and keeps for the life of the process.
_FOR_LIFE = ("zarr_io", "asyncio_")


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated bundle of random weights, 16x16 pixels, modality flair, on disk."""
    from tests.core.segmentation_cases import bundle

    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    bundle().save(folder)
    return folder


@pytest.fixture
def tiny_volume() -> Volume:
    """A scan of 14x15x6 voxels of 4x5x6 mm, LAS."""
    from tests.core.segmentation_cases import scan

    return scan()


@pytest.fixture
def tiny_analysis() -> Analysis:
    """Of `tiny_volume`, in memory, 4 steps; a lesion-like block in its lower slices."""
    from tests.core.segmentation_cases import analysis

    return analysis()


@pytest.fixture(scope="session", autouse=True)
def manifests_parsed_once() -> Iterator[None]:
    """Every viewer looks for plugins anew; parsing their files takes a third of its making."""
    parsed = functools.cache(PluginManifest.from_file)
    with pytest.MonkeyPatch.context() as patch:
        copy = staticmethod(lambda path: parsed(path).model_copy(deep=True))
        patch.setattr(PluginManifest, "from_file", copy)
        yield


@pytest.fixture(scope="session", autouse=True)
def napari_settings_stay_in_memory() -> Iterator[None]:
    """Every viewer sets settings back, and would write the user's file anew each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NapariSettings, "_maybe_save", lambda settings: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def layers_leave_without_a_collection() -> Iterator[None]:
    """napari collects garbage after each removed layer, for the sake of some GPUs of Windows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "gc", SimpleNamespace(collect=lambda: 0))
        yield


@pytest.fixture(scope="session", autouse=True)
def signatures_read_once() -> Iterator[None]:
    """napari reads the signature of a callback whenever it is connected, at thousands of places."""
    read, known = EventEmitter._check_signature, dict[object, bool]()

    def check(callback: Callable[..., Any]) -> bool:
        function = getattr(callback, "__func__", callback)
        code = getattr(function, "__code__", None)
        if code is None or {"__wrapped__", "__signature__"} & vars(function).keys():
            return bool(read(callback))
        key = (code, function is callback)
        if key not in known:
            known[key] = bool(read(callback))
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventEmitter, "_check_signature", staticmethod(check))
        yield


@pytest.fixture(scope="session", autouse=True)
def shaders_read_once() -> Iterator[None]:
    """VisPy takes the comments out of the same shaders for each layer of each canvas."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            program, "re", SimpleNamespace(**{**vars(re), "sub": functools.cache(re.sub)})
        )
        yield


@pytest.fixture
def make_napari_viewer_proxy(
    make_napari_viewer_proxy: Callable[..., Viewer],
) -> Callable[..., Viewer]:
    """Make viewers whose welcome screen is not written anew for each of their many shortcuts."""

    def make(**options: Any) -> Viewer:
        with action_manager.events.shortcut_changed.blocker():
            return make_napari_viewer_proxy(**options)

    return make


@pytest.fixture
def viewer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Viewer]:
    """A napari viewer as plugins get it: private access warns, and warnings fail.

    Its window, not shown, is made only for tests with the marker `window` and in runs with
    `--windows`.
    """
    from tests.plugin.windowless import WindowlessViewer, has_window

    if has_window(request):
        yield request.getfixturevalue("make_napari_viewer_proxy")()
        return
    from napari_anofpdm.reading.layouts import Layouts

    request.getfixturevalue("qapp")
    monkeypatch.setattr(Layouts, "canvases", ())
    viewer = WindowlessViewer()
    yield PublicOnlyProxy(viewer)
    viewer.end()


@pytest.fixture
def context(viewer: Viewer) -> Context:
    """What the panels of the viewer share, as the plugin makes it."""
    from napari_anofpdm.app.context import context_of

    return context_of(viewer)


@pytest.fixture
def session(context: Context) -> Session:
    """The session of the viewer, with its layers and its interpreter at work."""
    return context.session


@pytest.fixture
def told() -> Iterator[list[tuple[str, str]]]:
    """Severity and text of all that napari has told the user."""
    found: list[tuple[str, str]] = []

    def note(notification: Notification) -> None:
        found.append((str(notification.severity), notification.message))

    notification_manager.notification_ready.connect(note)
    yield found
    notification_manager.notification_ready.disconnect(note)


@pytest.fixture(autouse=True)
def own_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the panel Jobs away from the user's: a folder of jobs that is not made yet."""
    home = tmp_path / "jobs"
    monkeypatch.setenv("ANOFPDM_JOBS", str(home))
    return home


@pytest.fixture(autouse=True)
def nothing_leaks(qapp: QApplication, qtbot: QtBot) -> Iterator[None]:
    """Fail a test that leaves a window or a thread behind."""
    threads, windows = set(threading.enumerate()), set(qapp.topLevelWidgets())

    def left() -> list[object]:
        ours = [w for w in set(qapp.topLevelWidgets()) - windows if _is_ours(w)]
        return [*ours, *(t for t in set(threading.enumerate()) - threads if _counts(t))]

    yield
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    if left():
        # What is closed must not ask the engine for more once it is shut down.
        _destroy_what_is_closed(qapp)
        engine = sys.modules.get("napari_anofpdm.session.engine_thread")
        if engine is not None:
            engine.shutdown()
            qapp.processEvents()
        if left():
            _destroy_what_is_closed(qapp)
    assert not left(), f"left behind: {left()}"


def _destroy_what_is_closed(qapp: QApplication) -> None:
    gc.collect()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    qapp.processEvents()


def _is_ours(widget: QWidget) -> bool:
    return type(widget).__module__.startswith("napari_anofpdm")


def _counts(thread: threading.Thread) -> bool:
    return thread.is_alive() and not thread.name.startswith(_FOR_LIFE)
