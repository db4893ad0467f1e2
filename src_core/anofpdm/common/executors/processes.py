"""Processes of this machine, which need no further package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice

from anofpdm.common.executors.executor import Ended, Found, Given
from anofpdm.common.executors.stopping import Stop
from anofpdm.common.processes.worker_processes import worker_processes

_AHEAD = 2
"""Tasks at a time for each process: one at work and one waiting."""


@dataclass(frozen=True)
class ProcessExecutor:
    """Works in processes that end with this one.

    Attributes
    ----------
    workers : int
        Number of processes.
    """

    workers: int
    parallel = True

    def run(
        self,
        work: Callable[[Given], Found],
        tasks: Sequence[Given],
        stop: Stop | None = None,
        *,
        in_order: bool = False,
    ) -> Iterator[Ended[Given, Found]]:
        """Yield each task as it ends; see `Executor`.

        Raises
        ------
        DatasetError
            When a process was killed.
        """
        count = min(self.workers, len(tasks))
        if not count:
            return
        left, under_way = iter(tasks), dict[Future[Found], Given]()
        with worker_processes(count) as pool:
            while True:
                room = 0 if stop is not None and stop.asked else _AHEAD * count - len(under_way)
                for task in islice(left, room):
                    under_way[pool.submit(work, task)] = task
                if not under_way:
                    return
                first = [next(iter(under_way))] if in_order else under_way
                for future in wait(first, return_when=FIRST_COMPLETED).done:
                    task, error = under_way.pop(future), future.exception()
                    if isinstance(error, BrokenProcessPool):
                        raise error
                    if isinstance(error, Exception):
                        yield Ended(task, error=error)
                    else:
                        yield Ended(task, future.result())
