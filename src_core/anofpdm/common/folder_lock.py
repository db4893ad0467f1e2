"""One process at a time in a folder; the lock ends with its holder, however that ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anofpdm.common.errors import OutputError

LOCK_NAME = "lock"

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def folder_lock(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process; the operating system gives it free when the process ends.

    Parameters
    ----------
    folder : Path
        An existing folder; a file named "lock" in it stays there.
    what : str
        What is done in it, for the message.

    Raises
    ------
    OutputError
        When another process holds it, or it cannot be written.
    """
    descriptor = hold(folder / LOCK_NAME)
    if descriptor is None:
        raise OutputError(f"Another process is at work on {what}; wait for it or stop it first.")
    try:
        yield
    finally:
        os.close(descriptor)


def hold(path: Path) -> int | None:
    """Lock a file, which is made where there is none.

    Returns
    -------
    int or None
        A descriptor, whose closing gives the lock free; None when another holds it.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    descriptor = _opened(path)
    try:
        _try_lock(descriptor)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Do something short while no other process does it, and wait for that.

    Parameters
    ----------
    path : Path
        The file that is locked; it stays there.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    descriptor = _opened(path)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}).") from error
