"""Damage to files as such: missing, replaced by something else, of another size or name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

_HUGE: Final = 8 << 30


def damage_tree(path: Path, rng: Random) -> None:
    """Do one thing to a file, or to a file of a folder, that no content can do."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    if not files:
        return
    faults: list[Callable[[Path, Random], None]] = [_remove, _empty, _folder, _rename, _swap, _huge]
    if os.name == "posix":
        faults += [_pipe, _device, _dead_link, _circle]
    if path.is_dir():
        faults += [_extra, _extra]
    rng.choice(faults)(rng.choice(files), rng)


def _remove(file: Path, rng: Random) -> None:
    file.unlink()


def _empty(file: Path, rng: Random) -> None:
    file.write_bytes(b"")


def _folder(file: Path, rng: Random) -> None:
    file.unlink()
    file.mkdir()


def _rename(file: Path, rng: Random) -> None:
    file.rename(file.with_name(rng.choice(("x", "x" + file.name, file.name + ".bak"))))


def _swap(file: Path, rng: Random) -> None:
    others = sorted(each for each in file.parent.iterdir() if each.is_file())
    shutil.copyfile(rng.choice(others), file.with_name(file.name + "~"))
    file.with_name(file.name + "~").replace(file)


def _huge(file: Path, rng: Random) -> None:
    """Make a sparse file, which takes no room on the disk but all memory where it is read."""
    with file.open("r+b") as opened:
        opened.truncate(_HUGE)


def _pipe(file: Path, rng: Random) -> None:
    file.unlink()
    os.mkfifo(file)


def _device(file: Path, rng: Random) -> None:
    file.unlink()
    file.symlink_to(rng.choice(("/dev/zero", "/dev/tty", "/dev/null")))


def _dead_link(file: Path, rng: Random) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def _circle(file: Path, rng: Random) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _extra(file: Path, rng: Random) -> None:
    names = ["x.pt", "README.md", ".hidden", "x" * 200, "a b", "x.json", "é"]
    names += ["\udcff"] if os.name == "posix" else []
    place = file.with_name(rng.choice(names))
    if place.exists():
        return
    if rng.random() < 0.3:
        place.mkdir()
    else:
        place.write_bytes(rng.randbytes(16))
