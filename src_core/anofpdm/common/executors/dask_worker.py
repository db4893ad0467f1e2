"""What a Dask worker does before its first task."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from distributed.diagnostics.plugin import WorkerPlugin


class WorkerSetup(WorkerPlugin):
    """Prepares a worker process: its GPU, and that Ctrl-C is the first process's alone.

    Parameters
    ----------
    gpus : sequence of str
        One of them for each worker, by its number; none leaves all of them visible.
    own : bool
        Whether the worker is a process of this run alone.
    """

    name = "anofpdm"

    def __init__(self, gpus: Sequence[str], *, own: bool) -> None:
        self._gpus, self._own = tuple(gpus), own

    def setup(self, worker: Any) -> None:
        """Prepare a worker, before its first scan."""
        if not self._own:
            return
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self._gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = self._gpus[int(worker.name) % len(self._gpus)]
