"""The environment of Python processes that this package starts: no module of the current folder.

Started with `-m` or `-c`, as worker processes are, Python imports modules from the folder in which
it is started before any other. There an `anofpdm.py` or `typing.py` among somebody's scans would be
run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

_SAFE_PATH: Final = "PYTHONSAFEPATH"
_PATH: Final = "PYTHONPATH"


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which Python imports nothing from the folder it is started in.

    It holds for the children of the process, too. Folders that PYTHONPATH names are kept, as a
    development install needs them: relative ones are made absolute, so that they stay the same
    folders wherever the process runs. Empty entries and ".", which mean the current folder, are
    removed.

    Parameters
    ----------
    environment : mapping of str to str, optional
        That of this process by default.
    """
    made = dict(os.environ if environment is None else environment)
    made[_SAFE_PATH] = "1"
    if _PATH in made:
        entries = made.pop(_PATH).split(os.pathsep)
        kept = [_absolute(entry) for entry in entries if os.path.normpath(entry) != os.curdir]
        if kept:
            made[_PATH] = os.pathsep.join(kept)
    return made


@contextmanager
def safe_children() -> Iterator[None]:
    """Give `child_environment` to each process that is started meanwhile, by whatever library."""
    before = {name: os.environ.get(name) for name in (_SAFE_PATH, _PATH)}
    safe = child_environment()
    _set({name: safe.get(name) for name in before})
    try:
        yield
    finally:
        _set(before)


def _absolute(entry: str) -> str:
    try:
        return os.path.abspath(entry)  # noqa: PTH100 - unlike Path.absolute it resolves ".."
    except OSError:
        return entry  # the current folder was deleted, so no module is there


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
