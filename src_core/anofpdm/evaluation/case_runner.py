"""Run a function over many cases, in order, in this process or in several."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from anofpdm.common.processes.worker_processes import worker_processes

Case = TypeVar("Case")
Found = TypeVar("Found")


def over_cases(
    function: Callable[[Case], Found], cases: Sequence[Case], workers: int = 1
) -> Iterator[tuple[Case, Found]]:
    """Yield each case with its result, in the order of the cases.

    At most two results per process wait at a time, so memory does not grow with the cases.

    Parameters
    ----------
    function : callable
        Can be pickled where `workers` is above 1.
    cases : sequence
        Scans, such as `PhantomCase`; they can be pickled, too.
    workers : int
        Number of processes; 1 uses this one.
    """
    if workers <= 1:
        for case in cases:
            yield case, function(case)
        return
    with worker_processes(workers) as pool:
        waiting: deque[tuple[Case, Future[Found]]] = deque()
        for case in cases:
            if len(waiting) >= 2 * workers:
                former, future = waiting.popleft()
                yield former, future.result()
            waiting.append((case, pool.submit(function, case)))
        while waiting:
            former, future = waiting.popleft()
            yield former, future.result()
