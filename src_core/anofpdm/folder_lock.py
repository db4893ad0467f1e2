"""One process at a time in a folder; the lock ends with its holder, however that ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anofpdm.errors import OutputError

LOCK_NAME = "lock"

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


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
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}).") from error
    try:
        try:
            _try_lock(descriptor)
        except OSError as error:
            raise OutputError(
                f"Another process is at work on {what}; wait for it or stop it first."
            ) from error
        yield
    finally:
        os.close(descriptor)
