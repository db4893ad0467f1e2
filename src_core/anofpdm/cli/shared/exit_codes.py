"""Exit codes: each way to end gives one sentence and a code, without a traceback."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from anofpdm.common.errors import AnofpdmError, Cancelled

OK = 0
INTERNAL_ERROR = 1
USER_ERROR = 2
IN_PART = 3
CANCELLED = 130

# Windows has no SIGHUP.
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

_CANCELLED = "Cancelled; no partial results were left."


class CommandLine(TyperGroup):
    """The root command, which turns every way a command can end into an exit code.

    0: success. 1: internal error, with a traceback under --debug. 2: invalid input or usage,
    explained in one sentence on stderr. 3: completed, but some inputs were skipped and named.
    130: cancelled (Ctrl-C, SIGTERM or SIGHUP).
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run the command named in `args` (default `sys.argv[1:]`) and exit."""
        given = list(sys.argv[1:] if args is None else args)
        previous = _interrupted_by_signals()
        try:
            code = super().main(
                given or ["--help"],
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                obj=given,
                **extra,
            )
            if code == CANCELLED:
                _say(_CANCELLED)
        except Exception as error:
            code = _exit_code(error, debug="--debug" in given)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        sys.exit(code or OK)


def _exit_code(error: Exception, *, debug: bool) -> int:
    if debug:
        _say("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, (Cancelled, typer.Abort)):
        _say(_CANCELLED)
        return CANCELLED
    if isinstance(error, typer.TyperException):
        # Typer passes on pydantic's prefix.
        said = _one_line(error.format_message()).replace("Value error, ", "").rstrip(".?")
        _say(f"Error: {said}{_help_hint(error)}.")
        return USER_ERROR
    if isinstance(error, AnofpdmError):
        _say(f"Error: {_one_line(str(error))}")
        return USER_ERROR
    name = type(error).__name__
    hint = "" if debug else " Run the command again with --debug for the traceback."
    _say(f"Internal error: {name}: {_one_line(str(error))}{hint}")
    return INTERNAL_ERROR


def _help_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f" (see {context.command_path} --help)" if context is not None else ""


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _say(message: str) -> None:
    typer.echo(message, err=True)


def _interrupted_by_signals() -> dict[signal.Signals, Any]:
    """Let SIGTERM and SIGHUP end a command like Ctrl-C; give the former handlers."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    previous = {}
    for number in _ENDING:
        # nohup ignores SIGHUP, and so does what it starts.
        if signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, _interrupt)
    return previous


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
