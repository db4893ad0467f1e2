"""The executor that a number of workers, or a scheduler, asks for."""

from __future__ import annotations

from anofpdm.common.executors.executor import Executor
from anofpdm.common.executors.plain import PlainExecutor
from anofpdm.common.executors.processes import ProcessExecutor


def executor_of(workers: int, scheduler: str | None = None) -> Executor:
    """Return what works on tasks whose processes may all be lost together.

    Parameters
    ----------
    workers : int
        Processes of this machine; 1 works in this one.
    scheduler : str or None
        Address of a running Dask scheduler, in their place.

    Raises
    ------
    SettingsError
        When Dask is needed and not installed.
    """
    if scheduler is not None:
        from anofpdm.common.executors.dask_cluster import DaskExecutor, check_dask

        check_dask()
        return DaskExecutor(scheduler=scheduler)
    return ProcessExecutor(workers) if workers > 1 else PlainExecutor()


def scheduler_threads(scheduler: str) -> int:
    """Return how many tasks the workers of a running Dask scheduler do at a time.

    Raises
    ------
    SettingsError
        When Dask is not installed, or the scheduler cannot be reached.
    """
    from anofpdm.common.executors.dask_cluster import DaskExecutor, check_dask

    check_dask()
    return DaskExecutor(scheduler=scheduler).thread_count()
