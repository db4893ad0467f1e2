"""Turning SIGTERM, SIGHUP and SIGINT into a wish to stop after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP")  # Windows has no SIGHUP


class StopRequest:
    """Whether a stop was requested."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Note SIGTERM, SIGHUP and SIGINT instead of dying of them; only in the main thread.

    A signal that is ignored, as SIGHUP under nohup, stays so. A second signal acts as it
    would have without this.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    before = {key: value for key, value in handlers.items() if value is not signal.SIG_IGN}

    def note(number: int, _frame: FrameType | None) -> None:
        request.asked = True
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
