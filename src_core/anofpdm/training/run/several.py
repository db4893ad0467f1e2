"""A run in several processes of this machine: torchrun starts them, this process watches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from anofpdm.common.errors import Cancelled, TrainingError
from anofpdm.common.processes.child_environment import child_environment
from anofpdm.common.processes.worker_processes import LEADER, end_with, usable_cpus
from anofpdm.training.run.stopping import stop_on_signals

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")
_OUTCOMES: Final = "ANOFPDM_OUTCOMES"
_THREADS: Final = "OMP_NUM_THREADS"
_LOOK_SECONDS = 0.2


class StoppedEarly(Cancelled):
    """No process came far enough to say where it stopped."""


def run_in_processes(
    arguments: Sequence[str], count: int, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Run a command line in several processes that share its run.

    SIGTERM, SIGHUP and SIGINT are handed on to them, each of which then ends in order.

    Parameters
    ----------
    arguments : sequence of str
        What follows `anofpdm`.
    count : int
        Processes.
    sleep : callable
        Waits some seconds.

    Raises
    ------
    TrainingError
        With the sentence of the one that failed.
    Cancelled
        When they were stopped; what they have done is saved.
    StoppedEarly
        When they were stopped before their first step.
    """
    each = [f"--nproc-per-node={count}", "-m", "anofpdm.cli", *arguments]
    with tempfile.TemporaryDirectory() as folder, stop_on_signals() as stop:
        environment = {
            # torchrun's own choice would be one thread each.
            _THREADS: str(max(1, usable_cpus() // count)),
            **child_environment(),
            LEADER: str(os.getpid()),
            _OUTCOMES: folder,
        }
        # In a session of its own Ctrl-C does not reach torchrun, which would allow no time to save.
        torchrun = subprocess.Popen([*TORCHRUN, *each], env=environment, start_new_session=True)
        told = False
        try:
            while torchrun.poll() is None:
                sleep(_LOOK_SECONDS)
                if stop.asked and not told:
                    told = True
                    for process in _below(torchrun.pid):
                        with suppress(psutil.NoSuchProcess):
                            process.terminate()
        finally:
            _kill(torchrun)
        _check_outcome(Path(folder), torchrun.returncode, stopped=told)


def follow() -> None:
    """End when the process that started this one has ended, however it did."""
    end_with(int(os.environ[LEADER]))


def tell_outcome(code: int, message: str = "") -> None:
    """Record how this process ends, for its parent process."""
    values = {"code": code, "message": message}
    path = Path(os.environ[_OUTCOMES]) / f"{int(os.environ['RANK']):08d}.json"
    path.write_text(json.dumps(values), encoding="utf-8")


def _check_outcome(folder: Path, code: int, *, stopped: bool) -> None:
    said = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.iterdir())]
    failed = next((each for each in said if each["message"]), None)
    if failed is not None:
        raise TrainingError(failed["message"])
    if any(each["code"] for each in said):
        raise Cancelled("The run was stopped; resume it to continue.")
    if stopped and (code or not said):
        raise StoppedEarly("Stopped before the first step.")
    if code or not said:
        raise TrainingError(
            "One of the processes was killed, perhaps because memory ran out; resume the run."
        )


def _below(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children())
    except psutil.NoSuchProcess:
        return []


def _kill(torchrun: subprocess.Popen[bytes]) -> None:
    """End what is left of it."""
    if torchrun.poll() is not None:
        return
    for process in (*_below(torchrun.pid), torchrun):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    torchrun.wait()
