"""Fixtures of the tests of executors and costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """Return the address of a Dask scheduler with one worker of two threads, in this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp://",
        dashboard_address="127.0.0.1:0",
        silence_logs=60,
        # What killed workers left in the system's folder can fail a start.
        local_directory=str(tmp_path / "workers"),
    ) as cluster:
        yield cluster.scheduler_address
