"""Workers of Dask: processes of this machine, or those of any running scheduler."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from anofpdm.cohorts.executors.sent import apply, packed
from anofpdm.cohorts.scan import CohortScan, Outcome, Work
from anofpdm.cohorts.stopping import Stop
from anofpdm.cohorts.tries import Tries
from anofpdm.common.errors import SettingsError
from anofpdm.common.processes.child_environment import safe_children
from anofpdm.common.processes.worker_processes import usable_cpus

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

_AHEAD = 2
"""Scans at a time that the scheduler knows, for each thread: one at work and one waiting."""
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
            "Several workers need Dask, which is not installed; pip install "
            "'napari-anofpdm[cluster]', or use --workers 1."
        )


@dataclass
class DaskExecutor:
    """Works in Dask's workers; a scan whose worker dies is given to another.

    Attributes
    ----------
    tries : Tries
        Notes of the scans at work, which workers write.
    workers : int
        Processes to start here.
    scheduler : str or None
        Address of a running scheduler, in place of processes here.
    gpus : list of str
        See `gpus_of`.
    on_dashboard : callable
        Told the address of the dashboard, or why there is none.
    """

    tries: Tries
    workers: int = 1
    scheduler: str | None = None
    gpus: list[str] = field(default_factory=list)
    on_dashboard: Callable[[str], None] = lambda sentence: None

    def outcomes(self, work: Work, scans: Sequence[CohortScan], stop: Stop) -> Iterator[Outcome]:
        """Yield what becomes of each scan, as it ends, until a stop is asked for.

        Raises
        ------
        SettingsError
            When the scheduler cannot be reached.
        """
        if not scans:
            return
        with self._client() as client:
            yield from _Window(client, work, scans, stop, self.tries).outcomes()

    @contextmanager
    def _client(self) -> Iterator[Client]:
        import dask
        from distributed import Client

        from anofpdm.cohorts.executors.dask_worker import WorkerSetup

        with dask.config.set(_settings(self.workers)):
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

        from anofpdm.cohorts.executors.dask_worker import WorkerSetup

        watched = find_spec("bokeh") is not None
        with safe_children():
            cluster = LocalCluster(
                n_workers=self.workers,
                threads_per_worker=2 if self.gpus else 1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                local_directory=scratch,
                silence_logs=60,
            )
            client = Client(cluster, set_as_default=False)
            try:
                client.register_plugin(WorkerSetup(self.gpus, own=True))
                self.on_dashboard(
                    f"Dashboard: {cluster.dashboard_link}"
                    if watched
                    else "The live dashboard needs bokeh, which is not installed."
                )
                yield client
            except BaseException:
                _kill(cluster)
                raise
            finally:
                with suppress(Exception):
                    client.close(timeout=5)
                with suppress(Exception):
                    cluster.close(timeout=10)


class _Window:
    """The scans that the scheduler knows at a time.

    Whatever the size of a cohort, the scheduler holds a few scans for each worker, so that its
    memory and the time for each scan stay the same.
    """

    def __init__(
        self, client: Client, work: Work, scans: Sequence[CohortScan], stop: Stop, tries: Tries
    ) -> None:
        from distributed import as_completed

        self._client, self._stop, self._tries = client, stop, tries
        # With each scan: what is scattered would be lost with the worker that holds it.
        self._work = work
        self._left = iter(scans)
        self._open: dict[Future[Outcome], CohortScan] = {}
        self._ended = as_completed(loop=client.loop, raise_errors=False)
        self._size, self._looked = 0, 0.0

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what becomes of each scan, as it ends."""
        self._client.wait_for_workers(1, timeout=_WAIT_SECONDS)
        cancelled = lost = False
        try:
            self._fill()
            while self._open:
                for future in self._ended.next_batch(block=True):
                    scan = self._open.pop(future)
                    if not future.cancelled():
                        yield self._outcome(scan, future)
                    elif not cancelled:
                        lost = True
                        yield Outcome(scan.name, "failed", reason=_LOST, tries=0)
                if self._stop.asked and not cancelled:
                    cancelled = True
                    self._cancel_waiting()
                elif not self._stop.asked and not lost:
                    self._fill()
        except BaseException:
            for scan in self._open.values():
                self._tries.forget(scan.name)
            self._client.cancel(list(self._open))
            raise

    def _outcome(self, scan: CohortScan, future: Future[Outcome]) -> Outcome:
        error = future.exception() if future.status == "error" else None
        if error is not None:
            # Dask gave up on it, or the outcome could not be sent.
            return Outcome(scan.name, "failed", reason=f"{type(error).__name__}: {error}")
        outcome: Outcome = future.result()
        future.release()
        return outcome

    def _fill(self) -> None:
        batch = list(islice(self._left, max(0, self._most() - len(self._open))))
        if not batch:
            return
        # One message for all of them: each costs the scheduler some milliseconds.
        sent = [packed(self._work, scan) for scan in batch]
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
        """Cancel the scans that no worker has begun: they have no note."""
        waiting = [f for f, scan in self._open.items() if not self._tries.count(scan.name)]
        self._client.cancel(waiting)


def _settings(workers: int) -> dict[str, Any]:
    threads = str(max(1, usable_cpus() // max(workers, 1)))
    return {
        # The note of a scan counts its tries; the scheduler must not give up before it.
        "distributed.scheduler.allowed-failures": 10,
        "distributed.scheduler.work-stealing": False,
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
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
