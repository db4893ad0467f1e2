"""The signals that ask a process to end in good order."""

from __future__ import annotations

import os
import signal
import stat
from contextlib import suppress


def end_signals() -> tuple[signal.Signals, ...]:
    """Return SIGTERM, and SIGHUP where it exists and is not ignored.

    SIGHUP says that the terminal was closed. `nohup` ignores it so that a command goes on.
    """
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN:
        return (signal.SIGTERM,)
    return (signal.SIGTERM, hangup)


def leave_closed_terminal() -> None:
    """Send stdout and stderr nowhere if their terminal was closed, where a write is an error."""
    for descriptor in (1, 2):
        with suppress(OSError):
            # A closed terminal is still a device, but no terminal any more.
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
