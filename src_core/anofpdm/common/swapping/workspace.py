"""The hidden folder in which a file or folder is written before it appears under its name.

It lies beside its target, `.NAME.anofpdm-partial`, and has a lock that its process holds from the
first byte to the last rename. The lock ends with the process, so whoever gets the lock of such a
folder knows that its owner is gone, and removes it, or completes what its journal lists.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from anofpdm.common.errors import OutputError
from anofpdm.common.folder_lock import LOCK_NAME, alone, hold
from anofpdm.common.swapping.exchange import exchange
from anofpdm.common.swapping.journal import (
    JOURNAL,
    NEW,
    complete,
    has_journal,
    swap_by_journal,
)

if TYPE_CHECKING:
    from filelock import BaseFileLock

SUFFIX = ".anofpdm-partial"
# A process that removes leftovers holds their lock for a moment.
PATIENCE_SECONDS = 1.0


class Workspace:
    """A hidden folder held by this process; use `Workspace.beside`, and `close` at the end.

    Attributes
    ----------
    path : Path
        The hidden folder.
    new : Path
        The folder in it for what is being written.
    """

    def __init__(self, path: Path, lock: BaseFileLock) -> None:
        self.path = path
        self.new = path / NEW
        self._lock: BaseFileLock | None = lock

    @classmethod
    def beside(
        cls, target: Path, *, seconds: float = PATIENCE_SECONDS, private: bool = False
    ) -> Workspace:
        """Make and lock the workspace of a target in an existing folder.

        What earlier processes left in that folder is removed or completed.

        Parameters
        ----------
        target : Path
            What is going to be written.
        seconds : float
            How long to wait for another process that writes it.
        private : bool
            Whether other users may not look into it.

        Raises
        ------
        OutputError
            When another process holds it, or an earlier journal is damaged.
        OSError
            When the folder cannot be written.
        """
        path = workspace_of(target)
        workspace = cls(path, _lock(path, target, seconds, 0o700 if private else 0o777))
        try:
            workspace._heal()
            workspace.new.mkdir()
            remove_leftovers(target.parent)
        except BaseException:
            workspace.close()
            raise
        return workspace

    def put(self, target: Path) -> None:
        """Give ``new/NAME`` its name, in place of the file or folder that has it now.

        Raises
        ------
        OSError
            When a folder would replace a file or a file a folder, or a rename fails; the old one
            is then in place.
        """
        written = self.new / target.name
        if written.is_dir() and target.is_dir():
            if not exchange(written, target):
                swap_by_journal(self.path, target.parent, [target.name])
        else:
            os.replace(written, target)  # noqa: PTH105 - the atomic call, by its name

    def put_into(self, folder: Path, names: tuple[str, ...]) -> None:
        """Replace the entries `names` of a folder by all that is in `new`.

        A folder with nothing else in it is exchanged as a whole; where there are other entries,
        or the folder has another owner or access control list, a journal lists the renames.

        Raises
        ------
        OSError
            When a rename fails; the old entries are then in place.
        """
        if not (self._can_stand_for(folder, names) and exchange(self.new, folder)):
            swap_by_journal(self.path, folder, names)

    def clear(self) -> None:
        """Remove what was written so far."""
        for entry in list(self.new.iterdir()):
            _remove(entry)

    def close(self) -> None:
        """Remove the folder, unless its journal is unfinished, and release the lock."""
        lock, self._lock = self._lock, None
        if lock is not None:
            _remove_and_release(self.path, lock)

    def _heal(self) -> None:
        if has_journal(self.path):
            complete(self.path)
        _empty(self.path)

    def _can_stand_for(self, folder: Path, names: tuple[str, ...]) -> bool:
        if folder.parent != self.path.parent or _is_current(folder):
            return False
        if not {entry.name for entry in folder.iterdir()} <= set(names):
            return False
        old, new = folder.stat(), self.new.stat()
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid) or (
            _attributes(folder) - _attributes(self.new)
        ):
            return False
        shutil.copymode(folder, self.new)
        return True


def workspace_of(target: Path) -> Path:
    """Path of the hidden folder of a target."""
    return target.with_name(f".{target.name}{SUFFIX}")


def remove_leftovers(folder: Path) -> None:
    """Remove the workspaces in a folder whose processes are gone; complete unfinished renames.

    What cannot be removed stays, without an error.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        left = [Path(entry.path) for entry in entries if _is_workspace(entry)]
        for path in left:
            with suppress(OSError, OutputError):
                lock = hold(path / LOCK_NAME)
                if lock is not None:
                    try:
                        if has_journal(path):
                            complete(path)
                    finally:
                        _remove_and_release(path, lock)


def heal(path: Path) -> None:
    """Complete the renames that a killed process left unfinished at or around a path.

    For readers, before they open `path`; cheap where there is nothing to do. A process that is
    just renaming is waited for.
    """
    path = path.absolute()
    around = (path, path.parent, path.parent / path.parent.name)
    for room in (workspace_of(target) for target in around if target.name):
        with suppress(OSError, OutputError):
            if has_journal(room):
                with alone(room / LOCK_NAME):
                    if has_journal(room):
                        complete(room)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder that may exist, and that others may remove at any moment.

    pathlib's ``exist_ok`` looks once more, and raises where the folder was removed in between.

    Raises
    ------
    OSError
        When something else has the name, or the folder cannot be made.
    """
    try:
        path.mkdir(mode)
    except FileExistsError:
        try:
            found = path.lstat()  # one look: two could disagree
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(found.st_mode) and not path.is_dir():
            raise


def _is_current(folder: Path) -> bool:
    """Whether this process, and so the shell that started it, would stand in a removed folder."""
    try:
        return folder.samefile(os.curdir)
    except OSError:
        return False


def _attributes(folder: Path) -> set[str]:
    """Names of the extended attributes, access control lists among them."""
    try:
        return set(os.listxattr(folder))
    except (AttributeError, OSError):
        return set()


def _is_workspace(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    return name.startswith(".") and name.endswith(SUFFIX) and entry.is_dir(follow_symlinks=False)


def _lock(path: Path, target: Path, seconds: float, mode: int) -> BaseFileLock:
    while True:
        make_folder(path, mode)
        if path.is_symlink():
            raise FileExistsError(errno.EEXIST, f"{path} is a link", str(path))
        try:
            lock = hold(path / LOCK_NAME, seconds=seconds)
        except OutputError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                continue  # another process removed the folder just now
            if isinstance(error.__cause__, OSError):
                with suppress(OSError):
                    path.rmdir()
                raise error.__cause__ from None
            raise
        if lock is None:
            raise OutputError(
                f"Another process is writing {target}; wait for it to end, or choose another path."
            )
        if (path / LOCK_NAME).exists():
            return lock
        lock.release()


def _remove_and_release(path: Path, lock: BaseFileLock) -> None:
    if not (path / JOURNAL).exists():
        _empty(path)
        # Under the lock, so that nobody can hold what is removed; Windows removes no open file.
        _remove_folder(path)
    lock.release()
    if os.name == "nt" and path.exists() and not (path / JOURNAL).exists():
        _remove_folder(path)


def _remove_folder(path: Path) -> None:
    with suppress(OSError):
        (path / LOCK_NAME).unlink(missing_ok=True)
        path.rmdir()


def _empty(path: Path) -> None:
    for entry in list(path.iterdir()):
        if entry.name != LOCK_NAME:
            _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
