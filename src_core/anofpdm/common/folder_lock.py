"""A folder lock for one process at a time; it ends with the process, even after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anofpdm.common.errors import OutputError

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK_NAME = "lock"
_LOOK_SECONDS = 0.02
_FOR_EVER = -1.0


@contextmanager
def folder_lock(folder: Path, what: str) -> Iterator[None]:
    """Lock a folder for this process; the operating system releases the lock when it ends.

    Parameters
    ----------
    folder : Path
        An existing folder; a file named "lock" in it may stay there.
    what : str
        What the folder is used for, for the message.

    Raises
    ------
    OutputError
        When another process holds it, or it cannot be written.
    """
    lock = hold(folder / LOCK_NAME)
    if lock is None:
        raise OutputError(f"Another process is using {what}; wait for it to end, or stop it.")
    try:
        yield
    finally:
        lock.release()


def hold(path: Path, *, seconds: float = 0.0) -> BaseFileLock | None:
    """Lock a file, creating it if necessary.

    Parameters
    ----------
    path : Path
        The file.
    seconds : float
        How long to wait for another process.

    Returns
    -------
    filelock.BaseFileLock or None
        Call `release` to unlock; None if another process holds the lock.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    return _acquired(path, seconds)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Run a short section exclusively, waiting for other processes.

    Parameters
    ----------
    path : Path
        The file that is locked; it may stay there.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    lock = _acquired(path, _FOR_EVER)
    assert lock is not None  # it waited
    try:
        yield
    finally:
        lock.release()


def _acquired(path: Path, seconds: float) -> BaseFileLock | None:
    # Imported here to keep the start of commands fast.
    from filelock import FileLock, Timeout

    # Not bound to a thread, so that any thread may release it.
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=seconds, poll_interval=_LOOK_SECONDS)
    except Timeout:
        return None
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}); check the permissions of "
            f"{path.parent}."
        ) from error
    return lock
