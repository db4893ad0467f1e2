from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from anofpdm.common.errors import Cancelled
from napari_anofpdm.session import engine_thread
from tests.plugin.patience import LONG


@pytest.fixture(autouse=True)
def _no_thread_stays(qapp: Any) -> Iterator[None]:
    yield
    engine_thread.shutdown()
    assert not [t for t in threading.enumerate() if t.name.startswith("anofpdm-")]


def _collect() -> tuple[list[Any], Callable[[Any], None]]:
    found: list[Any] = []
    return found, found.append


def test_results_arrive_on_the_gui_thread_in_order(qtbot: QtBot) -> None:
    threads: list[threading.Thread] = []
    results: list[int] = []

    def done(result: int) -> None:
        threads.append(threading.current_thread())
        results.append(result)

    for number in range(5):
        engine_thread.submit(lambda x: 2 * x, number, on_done=done)
    qtbot.waitUntil(lambda: len(results) == 5, timeout=LONG)
    assert results == [0, 2, 4, 6, 8]
    assert set(threads) == {threading.main_thread()}


def test_all_jobs_of_a_lane_share_one_thread_and_the_lanes_differ(qtbot: QtBot) -> None:
    found, note = _collect()
    for _ in range(3):
        engine_thread.submit(threading.get_ident, on_done=note)
    qtbot.waitUntil(lambda: len(found) == 3, timeout=LONG)
    other, note_other = _collect()
    engine_thread.submit(threading.get_ident, on_done=note_other, lane="interpret")
    qtbot.waitUntil(lambda: len(other) == 1, timeout=LONG)
    assert len(set(found)) == 1
    assert not {threading.get_ident(), found[0]} & set(other)


def test_interpretation_does_not_wait_for_a_run(qtbot: QtBot) -> None:
    release = threading.Event()
    run: list[Any] = []
    interpreted: list[Any] = []
    engine_thread.submit(release.wait, 30, on_done=run.append)
    engine_thread.submit(lambda: "map", on_done=interpreted.append, lane="interpret")
    qtbot.waitUntil(lambda: interpreted == ["map"], timeout=LONG)
    assert not run
    release.set()
    qtbot.waitUntil(lambda: run == [True], timeout=LONG)


def test_an_error_arrives_and_the_thread_lives_on(qtbot: QtBot) -> None:
    errors: list[Any] = []
    results: list[Any] = []
    engine_thread.submit(lambda: 1 / 0, on_done=results.append, on_error=errors.append)
    engine_thread.submit(lambda: 7, on_done=results.append, on_error=errors.append)
    qtbot.waitUntil(lambda: results == [7], timeout=LONG)
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_a_running_job_sees_that_it_is_cancelled(qtbot: QtBot) -> None:
    started = threading.Event()
    results: list[Any] = []
    errors: list[Any] = []
    posted: list[Any] = []

    def work() -> str:
        engine_thread.post(posted.append, "before")
        started.set()
        while not engine_thread.is_cancelled():
            threading.Event().wait(0.001)
        engine_thread.post(posted.append, "after")
        return "done nevertheless"

    task = engine_thread.submit(work, on_done=results.append, on_error=errors.append)
    qtbot.waitUntil(lambda: posted == ["before"], timeout=LONG)
    assert started.is_set()
    task.cancel()
    qtbot.waitUntil(lambda: len(errors) == 1, timeout=LONG)
    assert isinstance(errors[0], Cancelled)
    assert not results
    assert posted == ["before"]
    assert not engine_thread.is_cancelled()


def test_a_waiting_job_that_is_cancelled_never_runs(qtbot: QtBot) -> None:
    release = threading.Event()
    ran: list[Any] = []
    errors: list[Any] = []
    engine_thread.submit(release.wait, 30)
    task = engine_thread.submit(ran.append, 1, on_error=errors.append)
    task.cancel()
    release.set()
    qtbot.waitUntil(lambda: len(errors) == 1, timeout=LONG)
    assert isinstance(errors[0], Cancelled)
    assert not ran


def test_a_result_on_its_way_is_withheld_after_cancel(qtbot: QtBot) -> None:
    finished = threading.Event()
    results: list[Any] = []
    errors: list[Any] = []
    task = engine_thread.submit(lambda: 1, on_done=results.append, on_error=errors.append)
    engine_thread.submit(finished.set)
    assert finished.wait(30)
    task.cancel()
    qtbot.waitUntil(lambda: len(errors) == 1, timeout=LONG)
    assert not results


def test_shutdown_cancels_what_runs_and_what_waits(qtbot: QtBot) -> None:
    started = threading.Event()
    errors: list[Any] = []
    ran: list[Any] = []

    def endless() -> None:
        started.set()
        while not engine_thread.is_cancelled():
            threading.Event().wait(0.001)

    engine_thread.submit(endless, on_error=errors.append)
    engine_thread.submit(ran.append, 1, on_error=errors.append)
    assert started.wait(30)
    engine_thread.shutdown()
    qtbot.waitUntil(lambda: len(errors) == 2, timeout=LONG)
    assert all(isinstance(error, Cancelled) for error in errors)
    assert not ran


def test_an_idle_thread_holds_nothing(qtbot: QtBot) -> None:
    class Heavy:
        pass

    heavy = Heavy()
    done: list[Any] = []
    gone = weakref.ref(heavy)
    engine_thread.submit(lambda given: given, heavy, on_done=lambda _: done.append(1))
    del heavy
    qtbot.waitUntil(lambda: bool(done), timeout=LONG)
    gc.collect()
    assert gone() is None


_LEAVES_WORK_BEHIND = """
from qtpy.QtWidgets import QApplication
application = QApplication([])
import threading
import torch
from napari_anofpdm.session.engine_thread import is_cancelled, submit
begun = threading.Event()
def work():
    torch.set_num_threads(1)
    image, kernel = torch.ones(1, 1, 64, 64), torch.ones(1, 1, 3, 3) / 9
    while not is_cancelled():
        image = torch.nn.functional.conv2d(image, kernel, padding=1)
        begun.set()
submit(work)
assert begun.wait(60)
"""


def test_a_process_that_ends_amid_work_ends_cleanly() -> None:
    """Python ends a daemon thread wherever it is, which native code answers with an abort."""
    ended = subprocess.run(
        [sys.executable, "-c", _LEAVES_WORK_BEHIND], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
