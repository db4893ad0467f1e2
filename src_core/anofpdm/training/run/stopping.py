"""Turning SIGTERM, SIGHUP and SIGINT into a wish to stop after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from anofpdm.common.processes.end_signals import end_signals, leave_closed_terminal


class StopRequest:
    """Whether a stop was requested."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Note SIGTERM, SIGHUP and SIGINT, in the main thread; elsewhere do nothing.

    SIGHUP stays ignored where it was, as `nohup` demands. A second signal acts as it would
    have without this.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *end_signals())}

    def note(number: int, _frame: FrameType | None) -> None:
        if number not in (signal.SIGINT, signal.SIGTERM):
            leave_closed_terminal()
        request.asked = True
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
