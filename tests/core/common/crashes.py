"""A child process that is killed, or whose disk is full, at the n-th change to the file system."""

from __future__ import annotations

import errno
import os
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock  # noqa: F401 - so that no fork spends its time, and its changes, on the import

from anofpdm.common.swapping import workspace
from anofpdm.common.swapping.exchange import exchange

KILLED, WRITTEN, REFUSED = 9, 0, 2
SURVIVED = 3  # written although a change failed, because nothing depended on it
_CHANGES = ("rename", "replace", "mkdir", "rmdir", "unlink", "fsync")
_ALLOCATING = ("rename", "replace", "mkdir", "fsync", "open")


def killed_at(number: int, write: Callable[[], None], *, exchanges: bool = True) -> int:
    """Run `write` in a fork that ends without a word before its n-th change; give its exit code."""

    def strike() -> None:
        os._exit(KILLED)

    return _in_fork(write, number, strike, _CHANGES, exchanges)


def full_at(number: int, write: Callable[[], None], *, exchanges: bool = True) -> int:
    """Run `write` in a fork whose disk is full at the n-th change; give its exit code."""

    def strike() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return _in_fork(write, number, strike, _ALLOCATING, exchanges)


def in_fork(body: Callable[[], None]) -> int:
    """Start a fork that runs `body`; give its process ID."""
    with warnings.catch_warnings():
        # The children run no code of other threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        body()
        code = WRITTEN
    except Exception as error:
        code = REFUSED if type(error).__name__ == "OutputError" else 1
        if code == 1:
            traceback.print_exc()
    finally:
        os._exit(code)


def exit_code(pid: int) -> int:
    """Wait for a fork and give its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _in_fork(
    write: Callable[[], None],
    number: int,
    strike: Callable[[], None],
    names: tuple[str, ...],
    exchanges: bool,
) -> int:
    def body() -> None:
        calls = 0

        def counted(function: Callable[..., Any]) -> Callable[..., Any]:
            creates = function is os.open

            def wrapper(*args: Any, **kwargs: Any) -> Any:
                nonlocal calls
                if creates and not args[1] & os.O_CREAT:
                    return function(*args, **kwargs)
                calls += 1
                if calls == number:
                    strike()
                return function(*args, **kwargs)

            return wrapper

        for name in names:
            setattr(os, name, counted(getattr(os, name)))
        vars(workspace)["exchange"] = counted(exchange if exchanges else _no_exchange)
        write()
        if calls >= number:
            os._exit(SURVIVED)

    return exit_code(in_fork(body))


def _no_exchange(first: Path, second: Path) -> bool:
    return False
