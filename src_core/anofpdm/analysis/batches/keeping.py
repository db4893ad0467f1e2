"""Keeping the batches of a run: at once, or while the network works on the next one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Found = TypeVar("Found")


def keeps_apart(device: str) -> bool:
    """Whether batches are kept in a thread of their own: where the processor is idle otherwise."""
    return device.startswith("cuda")


class Keeper(Generic[Found]):
    """Keeps what was found in one batch after another, in their order.

    In a thread of its own, a GPU need not wait while a batch is written or interpreted. At most one
    batch is in that thread's hands; the next one waits for it. A failure is raised by the next
    call.

    Parameters
    ----------
    keep : callable
        Takes the positions of a batch and what was found.
    told : callable
        Told of the positions when they are kept, always in the thread of the caller.
    apart : bool
        Whether to keep in a thread of its own.
    """

    def __init__(
        self,
        keep: Callable[[list[int], Found], None],
        told: Callable[[list[int]], None],
        *,
        apart: bool,
    ) -> None:
        self._keep, self._told = keep, told
        self._thread = ThreadPoolExecutor(1, "keeper") if apart else None
        self._pending: tuple[list[int], Future[None]] | None = None

    def add(self, positions: list[int], found: Found) -> None:
        """Keep a batch, or begin to."""
        self.tell(wait=True)
        if self._thread is None:
            self._keep(positions, found)
            self._told(positions)
        else:
            self._pending = positions, self._thread.submit(self._keep, positions, found)

    def tell(self, *, wait: bool = False) -> None:
        """Tell of the batch in the thread's hands if it is kept by now, or wait until it is."""
        if self._pending is None:
            return
        positions, kept = self._pending
        if wait or kept.done():
            self._pending = None
            kept.result()
            self._told(positions)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for the thread; without an error, tell of its last batch."""
        try:
            if error is None:
                self.tell(wait=True)
        finally:
            if self._thread is not None:
                self._thread.shutdown()
