"""The five persistent threads for all of the plugin's long work.

PyTorch caches its cuDNN plans per thread, so work must not move between the threads of a pool.
A run occupies the thread "analyse" for minutes; all calls of the network are made there. The
interpretation, which must follow the sliders, has its own thread, and so has the preparation of
scans, which need not wait for a run. What is looked up before a run has one, too: it must not hold
the run back. Figures and surfaces are drawn on the fifth, so that no slider waits for them.
Results, progress and errors return to the GUI thread, in order.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Literal

from qtpy.QtCore import QCoreApplication, QObject, Signal, Slot

Lane = Literal["analyse", "interpret", "prepare", "look_up", "draw"]

# A network call ends within seconds; a daemon thread that takes longer ends with Python.
_JOIN_SECONDS = 30.0


class Task:
    """One call on an engine thread; made by `submit`."""

    def __init__(
        self,
        call: Callable[[], Any],
        on_done: Callable[[Any], None] | None,
        on_error: Callable[[Exception], None] | None,
    ) -> None:
        self._call: Callable[[], Any] | None = call
        self._on_done, self._on_error = on_done, on_error
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the call to stop; `on_error` then gets `Cancelled`, and `on_done` is not called."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def _run(self) -> None:
        """Run the call, on the engine thread."""
        call, self._call = self._call, None
        result, error = None, None
        try:
            if call is not None and not self.cancelled:
                result = call()
        except Exception as caught:
            error = caught
        # A traceback's frames hold the call's data; release the call before reporting.
        del call
        _post(lambda: self._finish(result, error))

    def _finish(self, result: Any, error: Exception | None) -> None:
        """Report the outcome, on the GUI thread."""
        on_done, on_error = self._on_done, self._on_error
        self._on_done = self._on_error = None
        if self.cancelled:
            from anofpdm.common.errors import Cancelled

            error = Cancelled("The work was cancelled.")
        if error is None:
            if on_done is not None:
                on_done(result)
        elif on_error is not None:
            on_error(error)


def submit(
    function: Callable[..., Any],
    *args: Any,
    on_done: Callable[[Any], None] | None = None,
    on_error: Callable[[Exception], None] | None = None,
    lane: Lane = "analyse",
) -> Task:
    """Queue a function call on an engine thread.

    Call this on the GUI thread. Exactly one of the callbacks is called, on the GUI thread.

    Parameters
    ----------
    function : callable
        Must touch neither layers nor widgets. It may ask `is_cancelled` and report by `post`.
    *args
        Its arguments.
    on_done : callable, optional
        Takes the return value.
    on_error : callable, optional
        Takes the exception, or `anofpdm.common.errors.Cancelled` after `Task.cancel`.
    lane : {"analyse", "interpret", "prepare", "look_up", "draw"}
        The thread to use.
    """
    _deliverer()
    task = Task(lambda: function(*args), on_done, on_error)
    worker = _workers.get(lane)
    if worker is None or not worker.is_alive():
        worker = _workers[lane] = _Worker(lane)
        worker.start()
    worker.tasks.put(task)
    return task


def post(function: Callable[..., None], *args: Any) -> None:
    """Call a function on the GUI thread from a task, unless the task is cancelled by then."""
    task = _current_task()

    def call() -> None:
        if task is None or not task.cancelled:
            function(*args)

    _post(call)


def is_cancelled() -> bool:
    """Return whether this thread's task was cancelled; False on any other thread."""
    task = _current_task()
    return task is not None and task.cancelled


def shutdown() -> None:
    """Cancel all tasks and end the threads; a later `submit` starts them again."""
    workers = list(_workers.values())
    _workers.clear()
    for worker in workers:
        worker.stop()
    for worker in workers:
        worker.join(_JOIN_SECONDS)


class _Worker(threading.Thread):
    """One engine thread and its queue."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(name=f"anofpdm-{lane}", daemon=True)
        self.tasks: SimpleQueue[Task | None] = SimpleQueue()
        self.current: Task | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work through the queue until `stop`."""
        while (task := self.tasks.get()) is not None:
            self.current = task
            if self._stopping.is_set():
                task.cancel()
            task._run()
            # Hold no task while waiting: its arguments may take gigabytes.
            self.current = task = None

    def stop(self) -> None:
        """Cancel the current and all queued tasks."""
        self._stopping.set()
        current = self.current
        if current is not None:
            current.cancel()
        self.tasks.put(None)


class _Deliverer(QObject):
    """Lives on the GUI thread; Qt queues the calls that other threads send to it."""

    sent = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.sent.connect(self._receive)

    @Slot(object)
    def _receive(self, call: Callable[[], None]) -> None:
        call()


_workers: dict[Lane, _Worker] = {}
_delivery: list[_Deliverer] = []


def _deliverer() -> _Deliverer:
    """Make the deliverer on the first call, which must come from the GUI thread."""
    if not _delivery:
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(shutdown)
        # An application that never ran does not quit, and a daemon thread that Python ends within
        # native code takes the whole process down: "terminate called without an active exception".
        atexit.register(shutdown)
        _delivery.append(_Deliverer())
    return _delivery[0]


def _post(call: Callable[[], None]) -> None:
    _deliverer().sent.emit(call)


def _current_task() -> Task | None:
    worker = threading.current_thread()
    return worker.current if isinstance(worker, _Worker) else None
