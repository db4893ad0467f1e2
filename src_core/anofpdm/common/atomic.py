"""Write to a hidden folder beside the target, then rename: a target is complete or absent.

A file is replaced by one rename and a folder by one exchange of names, so that every program sees
all of the old or all of the new. Where the file system cannot exchange folders, two renames that a
journal lists do; see `anofpdm.common.swapping.journal` for what others may see meanwhile. What a
killed process left is removed or completed by the next one that writes into the same folder.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Self

from anofpdm.common.errors import OutputError
from anofpdm.common.swapping.workspace import PATIENCE_SECONDS, Workspace, make_folder

_DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
# Short writes wait for each other: a state file has several writers.
_SHORT_WRITE_SECONDS = 10.0

_claims: ContextVar[dict[Path, Workspace] | None] = ContextVar("_claims", default=None)


class AtomicTarget:
    """A new file or folder: write to `path`, then `commit` gives it the name `target`.

    From here until `commit` or `discard` no other process can write `target`. As a context manager
    it discards what was not committed.

    Parameters
    ----------
    target : str or Path
        Final path of the file or folder. Missing parent folders are created, and removed again
        by `discard`.
    overwrite : bool
        Replace an existing `target`: a file by a file, a folder by a folder.
    seconds : float
        How long to wait for another process that writes `target`.

    Raises
    ------
    OutputError
        When `target` exists and `overwrite` is false, its folder cannot be created, or another
        process is writing it.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.target = Path(target)
        self.overwrite = overwrite
        if not self.target.name:
            raise OutputError(f"{self.target} does not name a new file or folder; give a name.")
        self._refuse_existing()
        self._made_parents: list[Path] = []
        self._workspace: Workspace | None = None
        claimed = (_claims.get() or {}).get(self.target.absolute())
        self._claimed = claimed is not None
        try:
            with cannot_write(self.target):
                self._workspace = claimed or self._new_workspace(seconds)
            # Another process may have finished it meanwhile.
            self._refuse_existing()
        except BaseException:
            self.discard()
            raise
        # The target's name, because some writers check the suffix.
        self.path = self._workspace.new / self.target.name

    def commit(self) -> None:
        """Rename the temporary path to the target.

        Raises
        ------
        OutputError
            When the target now exists, or the rename fails; nothing is left behind.
        """
        assert self._workspace is not None
        try:
            self._refuse_existing()
            with cannot_write(self.target):
                self._workspace.put(self.target)
        except BaseException:
            self.discard()
            raise
        self._made_parents = []
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def discard(self) -> None:
        """Remove the temporary path and the parent folders created for it; not after `commit`."""
        self._close()
        for folder in reversed(self._made_parents):
            with suppress(OSError):
                folder.rmdir()

    def _close(self) -> None:
        workspace, self._workspace = self._workspace, None
        if workspace is None:
            return
        if self._claimed:
            workspace.clear()
        else:
            workspace.close()

    def _refuse_existing(self) -> None:
        if not self.overwrite and os.path.lexists(self.target):
            raise OutputError(
                f"{self.target} already exists; choose another path, or use --overwrite."
            )

    def _new_workspace(self, seconds: float) -> Workspace:
        while True:
            self._make_parents()
            try:
                return Workspace.beside(self.target, seconds=seconds)
            except FileNotFoundError:
                # Another process made the parent, failed, and removed it just now.
                if self.target.parent.exists():
                    raise

    def _make_parents(self) -> None:
        folder, missing = self.target.parent, []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder")
        for each in reversed(missing):
            make_folder(each)
            self._made_parents.append(each)
        if not os.access(self.target.parent, os.W_OK):
            raise PermissionError(errno.EACCES, f"{self.target.parent} is not writable")


@contextmanager
def atomic_path(
    target: str | os.PathLike[str],
    overwrite: bool = False,
    *,
    seconds: float = _SHORT_WRITE_SECONDS,
) -> Iterator[Path]:
    """Yield a temporary path; renamed to `target` at the end, removed on any exception.

    The body writes a file or creates a folder at the yielded path, which has the target's name,
    suffixes included. An interrupt (KeyboardInterrupt) cleans up like any other exception.

    Parameters
    ----------
    target : str or Path
        Final path of the file or folder; missing parent folders are created.
    overwrite : bool
        Replace an existing target. A folder is replaced completely.
    seconds : float
        How long to wait for another process that writes `target`.

    Raises
    ------
    OutputError
        When `target` exists and `overwrite` is false, it cannot be written (a parent that is a
        file, no permission, a full disk), or another process keeps writing it.
    """
    with AtomicTarget(target, overwrite=overwrite, seconds=seconds) as pending:
        with write_faults(pending.target, pending.path):
            yield pending.path
        pending.commit()


@contextmanager
def claimed(target: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[None]:
    """Keep other processes from writing a target, from before the work until it is written.

    Within the block this process writes it by `AtomicTarget` or `atomic_path`.

    Raises
    ------
    OutputError
        When `target` exists and `overwrite` is false, cannot be written, or another process is
        writing it.
    """
    with AtomicTarget(target, overwrite=overwrite) as pending:
        workspace = pending._workspace
        assert workspace is not None
        token = _claims.set({**(_claims.get() or {}), pending.target.absolute(): workspace})
        try:
            yield
        finally:
            _claims.reset(token)


@contextmanager
def write_faults(target: Path, within: Path) -> Iterator[None]:
    """Turn an OSError of a full or protected disk into an OutputError about `target`.

    Permissions count only below `within`; other files may be what the block reads.
    """
    try:
        yield
    except OSError as error:
        ours = error.filename is None or Path(os.fsdecode(error.filename)).is_relative_to(within)
        if error.errno in _DISK_FAULTS or (error.errno in _FORBIDDEN and ours):
            raise _error(target, error) from error
        raise


@contextmanager
def cannot_write(target: Path) -> Iterator[None]:
    """Turn any OSError into an OutputError about `target`."""
    try:
        yield
    except OSError as error:
        raise _error(target, error) from error


def _error(target: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "free some space, or choose another path" if full else "choose another path"
    return OutputError(f"{target} cannot be written ({reason}); {remedy}.")
