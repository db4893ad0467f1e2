"""Workers of Dask: processes of this machine, or those of any running scheduler."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Generic

from anofpdm.common.errors import DatasetError, SettingsError
from anofpdm.common.executors.executor import Ended, Found, Given, SchedulerLostError
from anofpdm.common.executors.sent import apply, packed
from anofpdm.common.executors.stopping import Stop
from anofpdm.common.executors.tries import Tries
from anofpdm.common.processes.child_environment import safe_children
from anofpdm.common.processes.worker_processes import usable_cpus

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

_AHEAD = 2
"""Tasks at a time that the scheduler knows, for each thread: one at work and one waiting."""
_LOOK_SECONDS = 5.0
_WAIT_SECONDS = 60.0
_LOST = "The connection to the Dask scheduler was lost; run the same command again."


def check_dask() -> None:
    """Check that Dask can be used.

    Raises
    ------
    SettingsError
        When it is not installed.
    """
    if find_spec("distributed") is None:
        raise SettingsError(
            "Dask is not installed; pip install 'napari-anofpdm[cluster]', or use --workers 1 "
            "without --scheduler."
        )


@dataclass
class DaskExecutor:
    """Works in Dask's workers; a task whose worker dies is given to another.

    Attributes
    ----------
    tries : Tries or None
        Notes of the tasks at work, where the work writes them: a stop then lets those finish.
    workers : int
        Processes to start here.
    scheduler : str or None
        Address of a running scheduler, in place of processes here.
    gpus : list of str
        See `gpus_of`.
    threads : int
        Tasks at a time of each process here.
    on_dashboard : callable
        Told the address of the dashboard, where there is one (with bokeh).
    """

    tries: Tries | None = None
    workers: int = 1
    scheduler: str | None = None
    gpus: list[str] = field(default_factory=list)
    threads: int = 1
    on_dashboard: Callable[[str], None] = lambda sentence: None
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
        SettingsError
            When the scheduler cannot be reached.
        """
        if not tasks:
            return
        with self._client() as client:
            window = _Window(client, work, tasks, stop or Stop(), self.tries, in_order)
            yield from window.ended()

    def thread_count(self) -> int:
        """Return the number of threads of all workers: so many tasks run at a time.

        Raises
        ------
        SettingsError
            When the scheduler cannot be reached.
        """
        with self._client() as client:
            return sum(client.ncores().values())

    @contextmanager
    def _client(self) -> Iterator[Client]:
        import dask
        from distributed import Client

        from anofpdm.common.executors.dask_worker import WorkerSetup

        with dask.config.set(_settings(self.workers * self.threads)):
            if self.scheduler is not None:
                try:
                    client = Client(self.scheduler, timeout="20s", set_as_default=False)
                except (OSError, ValueError) as error:
                    raise SettingsError(
                        f"The Dask scheduler {self.scheduler} cannot be reached ({error}); check "
                        "its address."
                    ) from error
                with client:
                    client.register_plugin(WorkerSetup((), own=False))
                    self.on_dashboard(f"Dashboard: {client.dashboard_link}")
                    yield client
                return
            with TemporaryDirectory(prefix="anofpdm-", ignore_cleanup_errors=True) as scratch:
                yield from self._local(scratch)

    def _local(self, scratch: str) -> Iterator[Client]:
        from distributed import Client, LocalCluster

        from anofpdm.common.executors.dask_worker import WorkerSetup

        watched = find_spec("bokeh") is not None
        with safe_children():
            with warnings.catch_warnings():
                # A slow disk is nothing that the user could change.
                warnings.filterwarnings("ignore", "Creating scratch directories")
                cluster = LocalCluster(
                    n_workers=self.workers,
                    threads_per_worker=self.threads,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    local_directory=scratch,
                    silence_logs=60,
                )
            client = Client(cluster, set_as_default=False)
            try:
                client.register_plugin(WorkerSetup(self.gpus, own=True))
                if watched:
                    self.on_dashboard(f"Dashboard: {cluster.dashboard_link}")
                yield client
            except BaseException:
                _kill(cluster)
                raise
            finally:
                with suppress(Exception):
                    client.close(timeout=5)
                with suppress(Exception):
                    cluster.close(timeout=10)


class _Window(Generic[Given, Found]):
    """The tasks that the scheduler knows at a time.

    However many tasks there are, the scheduler holds a few for each worker, so that its memory and
    the time for each task stay the same.
    """

    def __init__(
        self,
        client: Client,
        work: Callable[[Given], Found],
        tasks: Sequence[Given],
        stop: Stop,
        tries: Tries | None,
        in_order: bool,
    ) -> None:
        from distributed import as_completed

        self._client, self._stop, self._tries = client, stop, tries
        # With each task: what is scattered would be lost with the worker that holds it.
        self._work, self._in_order = work, in_order
        self._left = iter(tasks)
        self._open: dict[Future[Found], Given] = {}
        self._waiting: set[Future[Found]] = set()
        self._ended = as_completed(loop=client.loop, raise_errors=False)
        self._size, self._looked = 0, 0.0

    def ended(self) -> Iterator[Ended[Given, Found]]:
        """Yield each task as it ends."""
        try:
            self._client.wait_for_workers(1, timeout=_WAIT_SECONDS)
        except TimeoutError as error:
            raise SettingsError(
                f"The Dask scheduler has had no worker for {_WAIT_SECONDS:.0f} s; start workers, "
                "and run the command again."
            ) from error
        cancelled = lost = False
        try:
            self._fill()
            while self._open:
                for future in self._due(self._ended.next_batch(block=True)):
                    task = self._open.pop(future)
                    if not future.cancelled():
                        yield _ended(task, future)
                    elif not cancelled:
                        lost = True
                        yield Ended(task, error=SchedulerLostError(_LOST))
                if self._stop.asked and not cancelled:
                    cancelled = True
                    self._cancel_waiting()
                elif not self._stop.asked and not lost:
                    self._fill()
        except BaseException:
            if self._tries is not None:
                for task in self._open.values():
                    self._tries.forget(task.name)
            self._client.cancel(list(self._open))
            raise

    def _due(self, batch: Iterable[Future[Found]]) -> Iterator[Future[Found]]:
        """Yield what has ended, in the order of the tasks where that is asked for."""
        if not self._in_order:
            yield from batch
            return
        self._waiting.update(batch)
        while self._open and (first := next(iter(self._open))) in self._waiting:
            self._waiting.remove(first)
            yield first

    def _fill(self) -> None:
        batch = list(islice(self._left, max(0, self._most() - len(self._open))))
        if not batch:
            return
        # One message for all of them: each costs the scheduler some milliseconds.
        sent = [packed(self._work, task) for task in batch]
        futures = self._client.map(apply, sent, pure=False)
        self._open.update(zip(futures, batch, strict=True))
        self._ended.update(futures)

    def _most(self) -> int:
        now = time.monotonic()
        if now - self._looked > _LOOK_SECONDS or not self._size:
            threads = sum(self._client.ncores().values())
            self._size, self._looked = _AHEAD * max(threads, 1), now
        return self._size

    def _cancel_waiting(self) -> None:
        """Cancel the tasks that no worker has begun: they have no note."""
        tries = self._tries
        waiting = [f for f, task in self._open.items() if not (tries and tries.count(task.name))]
        self._client.cancel(waiting)


def _ended(task: Given, future: Future[Found]) -> Ended[Given, Found]:
    error = future.exception() if future.status == "error" else None
    if error is not None:
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            error = DatasetError(
                f"Each worker that took {task.name} was killed, perhaps because memory ran out; "
                "give the workers more memory, or leave it out."
            )
        return Ended(task, error=error)
    found = future.result()
    future.release()
    return Ended(task, found)


def _settings(tasks: int) -> dict[str, Any]:
    threads = str(max(1, usable_cpus() // max(tasks, 1)))
    return {
        # The note of a scan counts its tries; the scheduler must not give up before it.
        "distributed.scheduler.allowed-failures": 10,
        "distributed.scheduler.work-stealing": False,
        "distributed.worker.multiprocessing-method": "spawn",
        # It looks at the stack every 10 ms, in each worker: a sixth of the time of small scans.
        "distributed.worker.profile.enabled": False,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        # In place of Dask's own, which also let the C library return memory at once
        # (MALLOC_TRIM_THRESHOLD_): 60 to 115 MB less, and some sixth more processor time.
        "distributed.nanny.pre-spawn-environ": {
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "OMP_WAIT_POLICY": "PASSIVE",
        },
        "distributed.admin.low-level-log-length": 1000,
        "distributed.admin.log-format": "%(message)s",
    }


def _kill(cluster: LocalCluster) -> None:
    """End the worker processes at once."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        pid = getattr(nanny, "pid", None)
        if pid:
            with suppress(OSError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
