"""One boundary for each reader: whatever damaged input makes a library raise is our own error.

A reader asks `missing_content` first (pointers, dead links, pipes and devices), reads small files
with `file_bytes`, and does all that a library does with the content inside `reading`::

    if (fault := missing_content(path)) is not None:
        raise DatasetError(fault)
    with reading(path, DatasetError, "prepare the dataset again"):
        document = json.loads(file_bytes(path, DatasetError, "prepare the dataset again"))
        root = zarr.open_group(path, mode="r")

Checks of the values belong into the same block: an error of this project passes through as it is.
The block should hold the reading alone, and none of the work that follows, whose mistakes are not
the file's.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from anofpdm.common.errors import AnofpdmError, SettingsError

SMALL_FILE: Final = 64 << 20
"""Bytes that a JSON, TOML or text file may have."""
_REASON_LENGTH: Final = 160


@contextmanager
def reading(
    source: str | os.PathLike[str],
    raises: type[AnofpdmError],
    remedy: str = "copy or download it again",
) -> Iterator[None]:
    """Turn what a library raises on damaged input into an error of this project.

    Parameters
    ----------
    source : str or path-like
        What is read, as the error names it: mostly the path.
    raises : type
        The error class of the reader.
    remedy : str
        What to do about a damaged file: an imperative without a full stop.

    Raises
    ------
    AnofpdmError
        Of class `raises`, in place of any other exception. Errors of this project pass as they
        are, and so do interrupts.

    Examples
    --------
    >>> from anofpdm.common.errors import DatasetError
    >>> with reading("list.csv", DatasetError, "export it again"):
    ...     int("1" * 5000)
    Traceback (most recent call last):
        ...
    anofpdm.common.errors.DatasetError: list.csv is damaged (Exceeds the limit ...
    """
    name = os.fspath(source)
    try:
        yield
    except AnofpdmError:
        raise
    except MemoryError as error:
        raise raises(
            f"{name} does not fit into memory, or states sizes that are not its own; {remedy}, or "
            "free memory."
        ) from error
    except OSError as error:
        raise raises(f"{name} cannot be read ({_reason(error)}); {remedy}.") from error
    except Exception as error:
        raise raises(f"{name} is damaged ({_reason(error)}); {remedy}.") from error
    except BaseException as error:
        # What a panic in a library written in Rust becomes; it derives from BaseException.
        if type(error).__name__ != "PanicException":
            raise
        raise raises(f"{name} is damaged ({_reason(error)}); {remedy}.") from error


def file_bytes(
    path: str | os.PathLike[str],
    raises: type[AnofpdmError],
    remedy: str = "copy or download it again",
    *,
    limit: int = SMALL_FILE,
) -> bytes:
    """Read a regular file whole, unless it is larger than `limit`.

    Parameters
    ----------
    path : str or path-like
    raises : type
        The error class of the reader.
    remedy : str
        What to do about a file that is unfit: an imperative without a full stop.
    limit : int
        Most bytes that it may have.

    Raises
    ------
    AnofpdmError
        Of class `raises`, when it is missing, no regular file (a folder, a pipe, a device),
        unreadable or too large.
    """
    with opened_file(path, raises, remedy) as file:
        content = file.read(limit + 1)
        if len(content) > limit:
            size = max(os.fstat(file.fileno()).st_size, len(content))
            raise raises(
                f"{os.fspath(path)} has {size:,} bytes, more than the {limit:,} that such a file "
                f"may have; {remedy}."
            )
        return content


@contextmanager
def opened_file(
    path: str | os.PathLike[str], raises: type[AnofpdmError], remedy: str
) -> Iterator[BinaryIO]:
    """Open a regular file for reading; what is done with it stands within `reading`.

    Parameters
    ----------
    path : str or path-like
    raises : type
        The error class of the reader.
    remedy : str
        What to do about a file that is unfit: an imperative without a full stop.

    Raises
    ------
    AnofpdmError
        Of class `raises`, when it is missing, no regular file or unreadable, or damaged.
    """
    with reading(path, raises, remedy):
        if (fault := irregular(Path(path))) is not None:
            raise raises(fault)
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise raises(f"{os.fspath(path)} is not a regular file; {remedy}.")
            yield file


def toml_values(path: str | os.PathLike[str], remedy: str) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : str or path-like
    remedy : str
        What to do about a file that is unfit: an imperative without a full stop.

    Raises
    ------
    SettingsError
        When it is no regular file, unreadable or not TOML.
    """
    content = file_bytes(path, SettingsError, remedy)
    with reading(path, SettingsError, remedy):
        try:
            return tomllib.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise SettingsError(
                f"{os.fspath(path)} is not valid TOML ({one_line(error)}); {remedy}."
            ) from error


def irregular(path: Path) -> str | None:
    """Say in a sentence that something is a pipe, a device or a socket; None for all else."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None  # reported when it is read
    for test, kind in (
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if test(mode):
            linked = "a link to " if path.is_symlink() else ""
            return f"{path} is {linked}{kind}, not a regular file; give the file itself."
    return None


def _without_waiting(path: str, flags: int) -> int:
    # A named pipe without a writer would hold up the call for ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def one_line(text: object, limit: int = _REASON_LENGTH) -> str:
    """Return the first line of a text, without what a terminal or a report cannot show."""
    lines = (line.strip() for line in str(text).splitlines())
    first = next((line for line in lines if line), "")
    first = first if len(first) <= limit else first[: limit - 3] + "..."
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in first)


def _reason(error: BaseException) -> str:
    line = one_line(error.strerror if isinstance(error, OSError) and error.strerror else error)
    if not line or isinstance(error, KeyError):  # whose text is the key alone
        line = f"{type(error).__name__} {line}"
    return line.strip().rstrip(".")
