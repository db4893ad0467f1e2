"""Write to a temporary name beside the target, then rename, so a target is complete or absent."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anofpdm.common.errors import OutputError

# Errors of a full or protected disk; any other OSError comes from the body itself.
_WRITE_FAULTS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}
)


class AtomicTarget:
    """A new file or folder: write to `path`, then `commit` renames it to `target`.

    Parameters
    ----------
    target : str or Path
        Final path of the file or folder. Missing parent folders are created, and removed again
        by `discard`.
    overwrite : bool
        Replace an existing `target`: a file by a file, a folder by a folder.

    Raises
    ------
    OutputError
        When `target` exists and `overwrite` is false, or its folder cannot be created.
    """

    def __init__(self, target: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.target = Path(target)
        self.overwrite = overwrite
        if not self.target.name:
            raise OutputError(f"{self.target} does not name a new file or folder; give a name.")
        self._refuse_existing()
        self._made_parents: list[Path] = []
        self._make_parents()
        # The target's name comes last, because some writers check the suffix.
        token = secrets.token_hex(4)
        self.path = self.target.with_name(f".{token}-{self.target.name}")
        self._aside = self.target.with_name(f".{token}-old-{self.target.name}")

    def commit(self) -> None:
        """Rename the temporary path to the target.

        Raises
        ------
        OutputError
            When the target now exists, or the rename fails; nothing is left behind.
        """
        try:
            self._refuse_existing()
            if self.path.is_dir() and self.target.exists():
                self._swap_folders()
            else:
                os.replace(self.path, self.target)  # noqa: PTH105 - the atomic call, by its name
        except BaseException as error:
            self.discard()
            if isinstance(error, OSError):
                raise _cannot_write(self.target, error) from error
            raise

    def discard(self) -> None:
        """Remove the temporary path and the parent folders created for it."""
        _remove(self.path)
        for folder in reversed(self._made_parents):
            with suppress(OSError):
                folder.rmdir()

    def _refuse_existing(self) -> None:
        if not self.overwrite and os.path.lexists(self.target):
            raise OutputError(
                f"{self.target} already exists; choose another path, or allow overwriting."
            )

    def _make_parents(self) -> None:
        folder = self.target.parent
        try:
            missing = []
            while not folder.exists():
                missing.append(folder)
                folder = folder.parent
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder")
            for each in reversed(missing):
                each.mkdir(exist_ok=True)
                self._made_parents.append(each)
            if not os.access(self.target.parent, os.W_OK):
                raise PermissionError(errno.EACCES, f"{self.target.parent} is not writable")
        except OSError as error:
            for made in reversed(self._made_parents):
                made.rmdir()
            raise _cannot_write(self.target, error) from error

    def _swap_folders(self) -> None:
        # A non-empty folder cannot be replaced by a rename: the old one is moved aside, and moved
        # back if an error or interrupt occurs before the new one is in place.
        try:
            self.target.rename(self._aside)
            self.path.rename(self.target)
        finally:
            if not self.target.exists() and self._aside.exists():
                self._aside.rename(self.target)
            _remove(self._aside)


@contextmanager
def atomic_path(target: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `target`; renamed at the end, removed on any exception.

    The body writes a file or creates a folder at the yielded path, which ends in the target's
    name, suffixes included. An interrupt (KeyboardInterrupt) cleans up like any other exception.

    Parameters
    ----------
    target : str or Path
        Final path of the file or folder; missing parent folders are created.
    overwrite : bool
        Replace an existing target. A folder is replaced completely.

    Raises
    ------
    OutputError
        When `target` exists and `overwrite` is false, or it cannot be written (a parent that is a
        file, no permission, a full disk).
    """
    pending = AtomicTarget(target, overwrite=overwrite)
    try:
        yield pending.path
    except BaseException as error:
        pending.discard()
        if isinstance(error, OSError) and error.errno in _WRITE_FAULTS:
            raise _cannot_write(pending.target, error) from error
        raise
    pending.commit()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _cannot_write(target: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"{target} cannot be written ({reason}); choose another path.")
