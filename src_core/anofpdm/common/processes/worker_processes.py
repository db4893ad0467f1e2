"""Worker processes, which end with their parent even after a crash."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

import psutil

from anofpdm.common.errors import DatasetError
from anofpdm.common.processes.child_environment import safe_children

LEADER = "ANOFPDM_LEADER"
"""Environment variable with the process ID of the leader, if this process is one of several."""


def in_process_group() -> bool:
    """Whether torchrun, or a launcher like it, has started this process as one of several.

    RANK alone does not say so: schedulers and users set it for other purposes.
    """
    known = {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys()
    return known and os.environ["WORLD_SIZE"] != "1"


def is_first_process() -> bool:
    """Whether this process is alone, or the first of several."""
    return not in_process_group() or os.environ["RANK"] == "0"


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of `count` processes, which ignore Ctrl-C and the end of the terminal.

    They import no module of the current folder. Tasks not started when the body ends are cancelled;
    where it ends by an exception, Ctrl-C included, the processes end at once.

    Raises
    ------
    DatasetError
        When a worker was killed.
    """
    context = multiprocessing.get_context("spawn")
    # For as long as the pool lasts: it starts processes one by one, as tasks come.
    with safe_children():
        # Its other end is closed by this process, or with it.
        theirs, ours = context.Pipe(duplex=False)
        executor = ProcessPoolExecutor(count, context, initializer=_begin, initargs=(theirs,))
        try:
            yield executor
        except BaseException as error:
            ours.close()
            if isinstance(error, BrokenProcessPool):
                raise DatasetError(
                    "A worker process was killed, perhaps because memory ran out; run the same "
                    "command again with fewer --workers. Finished work is kept."
                ) from error
            raise
        finally:
            executor.shutdown(cancel_futures=True)
            ours.close()
            theirs.close()


def end_with(pid: int) -> None:
    """End this process when another one has ended."""
    try:
        _end_after(psutil.Process(pid).wait)
    except psutil.NoSuchProcess:
        os._exit(1)


def _begin(parents: Connection) -> None:
    """Ignore what a terminal sends to all processes at once, and end when the parent says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _end_after(lambda: _wait_for_end(parents))


def _wait_for_end(parents: Connection) -> None:
    with suppress(OSError):  # as Windows says it
        parents.poll(None)


def _end_after(wait: Callable[[], object]) -> None:
    def end() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
