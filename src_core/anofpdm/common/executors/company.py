"""Tasks of one process side by side, or one of them by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Company:
    """Lets a task that may kill its process run without others that would die with it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at_work = 0
        self._alone = 0

    @contextmanager
    def entered(self, *, alone: bool) -> Iterator[None]:
        """Wait until a task may run, and keep its place while the block runs.

        Parameters
        ----------
        alone : bool
            Wait until no other runs, and let none begin meanwhile.
        """
        with self._changed:
            self._alone += alone
            if alone:
                self._changed.wait_for(lambda: not self._at_work)
            else:
                self._changed.wait_for(lambda: not self._alone)
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._alone -= alone
                self._changed.notify_all()
