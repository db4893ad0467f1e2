"""One job at a time for each lane of a machine, first come, first served."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anofpdm.common.errors import OutputError
from anofpdm.common.folder_lock import alone, hold
from anofpdm.jobs.places import jobs_home
from anofpdm.jobs.request import Lane

_LOOK_SECONDS = 0.5


def queue_folder(lane: Lane) -> Path:
    """Folder with the tickets of a lane of this machine."""
    host = re.sub(r"[^\w.-]", "_", socket.gethostname())
    return jobs_home() / ".queue" / f"{host}-{lane}"


@contextmanager
def turn(
    lane: Lane,
    on_wait: Callable[[int], None] = lambda ahead: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Wait until no earlier job of the lane is left, and keep the later ones waiting.

    Each job holds a numbered file that is locked for as long as its process lives, so that no
    crash leaves the queue stuck.

    Parameters
    ----------
    lane : {"cpu", "gpu"}
    on_wait : callable
        Told how many are ahead, whenever that changes.
    sleep : callable
        Waits some seconds.

    Raises
    ------
    OutputError
        When the queue's folder cannot be written.
    """
    folder = queue_folder(lane)
    with _mutex(folder):
        number = 1 + max(_numbers(folder), default=0)
        ticket = folder / _name(number)
        lock = hold(ticket)
    assert lock is not None  # the number is new
    try:
        waited = 0
        while (ahead := _ahead(folder, number)) > 0:
            if ahead != waited:
                on_wait(ahead)
            waited = ahead
            sleep(_LOOK_SECONDS)
        yield
    finally:
        # First, for once it is free another job may have the number.
        with suppress(OSError):
            ticket.unlink()
        lock.release()


def _ahead(folder: Path, number: int) -> int:
    """Count the earlier tickets that somebody holds, and clear away the others."""
    count = 0
    with _mutex(folder):
        for earlier in _numbers(folder):
            if earlier >= number:
                continue
            path = folder / _name(earlier)
            lock = hold(path)
            if lock is None:
                count += 1
                continue
            lock.release()
            with suppress(OSError):
                path.unlink()
    return count


@contextmanager
def _mutex(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be created ({error.strerror}); check its permissions."
        ) from error
    with alone(folder / "mutex"):
        yield


def _numbers(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.ticket") if path.stem.isdigit()]


def _name(number: int) -> str:
    return f"{number:08d}.ticket"
