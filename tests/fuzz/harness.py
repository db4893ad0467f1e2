"""Readers fed with damaged files: each case ends in a result or in an error of this project.

A case is decided by (reader, seed, number): the reader's valid file is made once, copied, damaged,
read. The short run is a test; the long one runs in child processes with limited memory, so that a
killed or hanging process is a finding and not the end (`python -m tests.fuzz --help`).
"""

from __future__ import annotations

import os
import shutil
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Literal

from anofpdm.common.errors import AnofpdmError
from tests.fuzz.file_faults import damage_tree
from tests.fuzz.mutations import mutated

Outcome = Literal["own", "result", "foreign", "killed", "hang"]
FAULTS: Final[frozenset[Outcome]] = frozenset({"foreign", "killed", "hang"})

_LONGEST_ERROR: Final = 2000
_LARGE: Final = 1 << 20
"""Files above this size are damaged less often, so that a run spends its time on the others."""


@dataclass(frozen=True)
class Reader:
    """What reads a file or a folder.

    Attributes
    ----------
    name : str
        For the command line and the counts.
    make : callable
        Write a small valid file or folder into an empty folder, and return its path.
    read : callable
        Read what `make` returned, all of it: any `AnofpdmError` is right, and so is a result.
    repair : callable, optional
        Make checksums right again after damage to a file's content, so that what they guard is
        reached, too. Called for one such case in two; may raise anything.
    """

    name: str
    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    repair: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Finding:
    """How a case ended.

    Attributes
    ----------
    case : int
    outcome : str
    detail : str
        The error's class and text; of a foreign one also where it was raised.
    seconds : float
    """

    case: int
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0


class Bench:
    """A reader's valid input, and the cases made of it.

    Parameters
    ----------
    reader : Reader
    folder : Path
        An empty folder; cases are made and removed in it.
    seed : int
        Of the damage.
    """

    def __init__(self, reader: Reader, folder: Path, seed: int) -> None:
        self._reader, self._folder, self._seed = reader, folder, seed
        valid = folder / "valid"
        valid.mkdir(parents=True)
        self._valid = reader.make(valid)
        if not self._valid.is_relative_to(valid):
            raise ValueError(f"{reader.name}: make() must write below the folder that it is given")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(self._valid)

    def damaged(self, case: int) -> Path:
        """Make the input of a case; the path that the reader is to read."""
        rng = Random(f"{self._seed}/{self._reader.name}/{case}")
        place = self._folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self._folder / "valid", place, symlinks=True)
        path = place / self._valid.relative_to(self._folder / "valid")
        if rng.random() < 0.15:
            damage_tree(path, rng)
            return path
        file = _chosen(path, rng)
        if file is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of zipfile, on a name that is there twice
                file.write_bytes(mutated(file.read_bytes(), rng))
        if self._reader.repair is not None and rng.random() < 0.5:
            with suppress(Exception):  # what cannot be repaired stays as it is
                self._reader.repair(path)
        return path

    def run(self, case: int) -> Finding:
        """Read the input of a case."""
        path = self.damaged(case)
        start = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._reader.read(path)
        except KeyboardInterrupt:
            raise
        except AnofpdmError as error:
            said = str(error)
            good = len(said.splitlines()) == 1 and len(said) <= _LONGEST_ERROR
            outcome: Outcome = "own" if good else "foreign"
            kind = type(error).__name__ if good else f"untidy {type(error).__name__}"
            return Finding(case, outcome, f"{kind}: {said[:500]}", time.monotonic() - start)
        except BaseException as error:
            place = " < ".join(
                f"{Path(frame.filename).name}:{frame.lineno}"
                for frame in reversed(traceback.extract_tb(error.__traceback__)[-6:])
            )
            detail = f"{type(error).__name__}: {str(error)[:200]!r} at {place}"
            return Finding(case, "foreign", detail, time.monotonic() - start)
        return Finding(case, "result", "", time.monotonic() - start)


def _chosen(path: Path, rng: Random) -> Path | None:
    """Choose a file to damage: each of a folder alike, but large ones seldom."""
    if not path.is_dir():
        return path
    files = sorted(each for each in path.rglob("*") if each.is_file())
    small = [each for each in files if each.stat().st_size <= _LARGE]
    return rng.choice(small if small and rng.random() < 0.9 else files) if files else None


@contextmanager
def limited_memory(mib: int) -> Iterator[None]:
    """Let this process take no more than so much address space beyond what it has.

    Only Linux tells what a process has taken; elsewhere nothing is limited.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * os.sysconf("SC_PAGE_SIZE") + (mib << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
