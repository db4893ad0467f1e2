"""Replacing several files at once, by renames that a journal lists.

A journal is written whole before the first rename and removed after the last one. It lies in a
hidden folder together with the new files, and the old ones on their way out:

    new/      what is to be moved into the folder
    old/      what was moved out of it
    journal   which folder, which names; only while the renames last

Whoever finds a journal whose process is gone completes the renames (`complete`); any number of
crashes in between changes nothing about the end. All old files leave before the first new one
comes, so a program that knows no journal may for some microseconds (after a crash: until the next
command) miss files, but never sees an old one beside a new one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from anofpdm.common.errors import OutputError

JOURNAL = "journal"
NEW = "new"
OLD = "old"


class _Journal(NamedTuple):
    folder: Path
    old: tuple[str, ...]
    new: tuple[str, ...]


def swap_by_journal(room: Path, folder: Path, names: Iterable[str]) -> None:
    """Replace the entries `names` of a folder by those in ``room/new``, all or none.

    Parameters
    ----------
    room : Path
        The hidden folder, held by this process.
    folder : Path
        The parent of `room`, or a folder beside it.
    names : iterable of str
        Entries that go, in addition to those that have a successor.

    Raises
    ------
    OSError
        When a rename fails; the old entries are then in place again.
    OutputError
        When they cannot be put back either; the journal stays for the next command.
    """
    new = sorted(entry.name for entry in (room / NEW).iterdir())
    old = sorted(name for name in {*names, *new} if os.path.lexists(folder / name))
    shutil.rmtree(room / OLD, ignore_errors=True)
    _write(room, folder, old, new)
    try:
        complete(room)
    except BaseException as error:
        if isinstance(error, OutputError):
            raise
        try:
            _undo(room)
        except OSError as second:
            raise OutputError(
                f"The files in {folder} were replaced in part ({second.strerror or second}); the "
                f"rest is in {room}. The next command that writes there completes this."
            ) from error
        raise


def has_journal(room: Path) -> bool:
    """Whether renames are under way, or were when a process ended."""
    return (room / JOURNAL).is_file()


def complete(room: Path) -> None:
    """Do what is left of the renames in a journal, and remove it.

    Raises
    ------
    OSError
        When a rename fails.
    OutputError
        When the journal is damaged.
    """
    journal = _read(room)
    journal.folder.mkdir(exist_ok=True)
    (room / OLD).mkdir(exist_ok=True)
    for name in journal.old:
        # What has an old entry aside already is the new one.
        if os.path.lexists(journal.folder / name) and not os.path.lexists(room / OLD / name):
            os.rename(journal.folder / name, room / OLD / name)  # noqa: PTH104
    for name in journal.new:
        if os.path.lexists(room / NEW / name):
            os.rename(room / NEW / name, journal.folder / name)  # noqa: PTH104
    (room / JOURNAL).unlink()


def _undo(room: Path) -> None:
    journal = _read(room)
    for name in journal.new:
        if os.path.lexists(journal.folder / name) and not os.path.lexists(room / NEW / name):
            os.rename(journal.folder / name, room / NEW / name)  # noqa: PTH104
    for name in journal.old:
        if os.path.lexists(room / OLD / name):
            os.rename(room / OLD / name, journal.folder / name)  # noqa: PTH104
    (room / JOURNAL).unlink()


def _write(room: Path, folder: Path, old: list[str], new: list[str]) -> None:
    text = json.dumps({"folder": os.path.relpath(folder, room.parent), "old": old, "new": new})
    draft = room / f"{JOURNAL}.draft"
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(room / JOURNAL)
    _sync_folder(room)


def _sync_folder(folder: Path) -> None:
    # Windows opens no folder; some file systems sync none.
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _read(room: Path) -> _Journal:
    path = room / JOURNAL
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        folder, old, new = str(values["folder"]), tuple(values["old"]), tuple(values["new"])
        names = (*old, *new) if folder == "." else (folder, *old, *new)
        # The folder may come from a stranger: no name leads out of it.
        if not all(isinstance(name, str) and _is_plain(name) for name in names):
            raise ValueError("a name is a path")
        if any(each.is_symlink() for each in (room / NEW, room / OLD, room.parent / folder)):
            raise ValueError("a folder is a link")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutputError(
            f"{path} is damaged; move the files you need out of {room.absolute()} and remove it."
        ) from error
    return _Journal(room.parent / folder, old, new)


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and "\0" not in name and Path(name).name == name
