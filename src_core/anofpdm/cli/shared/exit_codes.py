"""Exit codes: each way to end gives one sentence and a code, without a traceback."""

from __future__ import annotations

import io
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from anofpdm.common.errors import AnofpdmError, Cancelled
from anofpdm.common.processes.end_signals import end_signals, leave_closed_terminal
from anofpdm.common.validation import short_repr

OK = 0
INTERNAL_ERROR = 1
USER_ERROR = 2
IN_PART = 3
CANCELLED = 130
STOPPED = -CANCELLED
"""Of a command that ended on request and said how it goes on; the process exits with CANCELLED."""

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
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A file's name may hold bytes that are no text; to print it must not fail.
            sys.stdout.reconfigure(errors="backslashreplace")
        with _interrupted_by_signals() as interrupt:
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
                elif code == STOPPED:
                    code = CANCELLED
            except Exception as error:
                # Whatever an interrupted library makes of it, the command was cancelled.
                told = Cancelled(_CANCELLED) if interrupt.came else error
                code = _exit_code(told, given)
        sys.exit(code or OK)


def _exit_code(error: Exception, given: Sequence[str]) -> int:
    debug = "--debug" in given
    if debug:
        _say("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, (Cancelled, typer.Abort)):
        _say(_CANCELLED)
        return CANCELLED
    if isinstance(error, typer.TyperException):
        # Typer passes on pydantic's prefix, but not the value.
        said = _one_line(error.format_message()).replace("Value error, ", "").rstrip(".?")
        if isinstance(error.__cause__, ValidationError):
            value = short_repr(error.__cause__.errors(include_url=False)[0]["input"])
            said = said.replace("Input should", f"{value} should", 1)
        _say(f"Error: {said}{_option_hint(said, given)}{_help_hint(error)}.")
        return USER_ERROR
    if isinstance(error, AnofpdmError):
        _say(f"Error: {_one_line(str(error))}")
        return USER_ERROR
    if isinstance(error, MemoryError):
        _say(
            "Error: The memory does not suffice for this scan or model; close other programs, "
            "use smaller files, or a machine with more memory."
        )
        return USER_ERROR
    if isinstance(error, FileNotFoundError) and not _current_folder_exists():
        _say("Error: The current folder no longer exists; go to another folder.")
        return USER_ERROR
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        _say(f"Error: The name {error.object!a} is not valid UTF-8; choose another name.")
        return USER_ERROR
    name = type(error).__name__
    hint = "" if debug else " Run the command again with --debug for the traceback."
    _say(f"Internal error: {name}: {_one_line(str(error))}{hint}")
    return INTERNAL_ERROR


def _option_hint(said: str, given: Sequence[str]) -> str:
    """Name the missing option before an input that was given without one."""
    missing = re.search(r"Missing option '(--[\w-]+)'", said)
    if missing is None or missing[1] == "--out":
        return ""
    for before, name in pairwise(given):
        if not before.startswith("-") and not name.startswith("-") and Path(name).exists():
            return f": write {missing[1]} {name}"
    return ""


def _help_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f" (see {context.command_path} --help)" if context is not None else ""


def _current_folder_exists() -> bool:
    try:
        return Path.cwd().exists()
    except FileNotFoundError:
        return False


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _say(message: str) -> None:
    with suppress(OSError):  # nobody listens any more
        typer.echo(message, err=True)


class _Interrupt:
    """Interrupts the command as Ctrl-C does, once an end signal has come."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self, number: int, frame: FrameType | None) -> NoReturn:
        self.came = True
        if number != signal.SIGTERM:
            leave_closed_terminal()
        raise KeyboardInterrupt


@contextmanager
def _interrupted_by_signals() -> Iterator[_Interrupt]:
    interrupt, before = _Interrupt(), {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, interrupt) for number in end_signals()}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
