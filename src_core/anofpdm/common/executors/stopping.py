"""Stop on request: the first signal lets what runs finish, the second ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from anofpdm.common.processes.end_signals import end_signals


class Stop:
    """Whether a stop was asked for.

    Attributes
    ----------
    asked : bool
    """

    def __init__(self, on_first: Callable[[], None] = lambda: None) -> None:
        self.asked = False
        self._on_first = on_first

    def __call__(self) -> None:
        """Ask for it; the second time raises KeyboardInterrupt."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._on_first()


@contextmanager
def stop_on_signals(on_first: Callable[[], None] = lambda: None) -> Iterator[Stop]:
    """Yield a `Stop` that Ctrl-C, SIGTERM and SIGHUP ask while the block runs.

    Parameters
    ----------
    on_first : callable
        Called at the first signal.
    """
    stop, before = Stop(on_first), {}

    def ask(number: int, frame: FrameType | None) -> None:
        stop()

    if threading.current_thread() is threading.main_thread():
        numbers = (signal.SIGINT, *end_signals())
        before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
