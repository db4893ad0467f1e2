"""How many workers and threads suit a machine: by its cores, its memory and its GPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from anofpdm.common.memory import available_bytes
from anofpdm.common.processes.worker_processes import usable_cpus

WORKER_BYTES = 1_500_000_000
"""Memory that a worker is counted with: the libraries, a model, and one scan of usual size."""
_GPU_THREADS = (2, 4)
"""Fewest and most scans that a worker with a GPU has at hand at a time."""
_GPUS = Path("/proc/driver/nvidia/gpus")


def gpus_of(
    device: str, environment: Mapping[str, str] = os.environ, listed: Path = _GPUS
) -> list[str]:
    """Return the GPUs that workers may use, one each, as CUDA_VISIBLE_DEVICES names them.

    Parameters
    ----------
    device : str
        As the user chose it; "cpu", "mps" and one GPU by number leave nothing to share out.
    environment : mapping of str to str
    listed : Path
        Where the NVIDIA driver lists the GPUs of the machine.
    """
    if device not in ("auto", "cuda"):
        return []
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [each.strip() for each in named.split(",") if each.strip() not in ("", "-1")]
    return [str(n) for n in range(len(list(listed.iterdir())))] if listed.is_dir() else []


def worker_count(scans: int, gpus: int, cpus: int | None = None, free: int | None = None) -> int:
    """Return how many workers to start: one a GPU, else one a core as far as memory goes.

    Parameters
    ----------
    scans : int
        No more workers than scans.
    gpus : int
    cpus, free : int, optional
        Cores, and bytes of free memory; by default those of this machine.
    """
    fits = (available_bytes() if free is None else free) // WORKER_BYTES
    most = gpus or (usable_cpus() if cpus is None else cpus)
    return max(1, min(most, int(fits), scans))


def thread_count(workers: int, gpus: int, cpus: int | None = None, free: int | None = None) -> int:
    """Return how many scans each worker has at hand at a time.

    Without a GPU it is one. With one, some scans are read and written while the slices of others
    share calls of the network: as many as cores and memory allow.

    Parameters
    ----------
    workers, gpus : int
    cpus, free : int, optional
        As for `worker_count`.
    """
    if not gpus:
        return 1
    fits = (available_bytes() if free is None else free) // WORKER_BYTES
    fewest, most = _GPU_THREADS
    each = min(usable_cpus() if cpus is None else cpus, int(fits)) // workers
    return max(fewest, min(most, each))
