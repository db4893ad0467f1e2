"""Killed, or out of space, at any moment: all of the old or all of the new, then healed."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from anofpdm.common.atomic import AtomicTarget, atomic_path, claimed
from anofpdm.common.errors import OutputError
from anofpdm.common.swapping.workspace import SUFFIX, Workspace, heal
from anofpdm.results.folder import ANOMALY_MAP_FILE, MASK_FILE, REPORT_FILE, result_folder
from anofpdm.scans.volume import Volume, read_volume, write_nifti
from tests.core.common.crashes import (
    KILLED,
    REFUSED,
    SURVIVED,
    WRITTEN,
    exit_code,
    full_at,
    in_fork,
    killed_at,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

OLD = {MASK_FILE: "old", REPORT_FILE: "old", "lesions.csv": "old"}
NEW = {MASK_FILE: "new", REPORT_FILE: "new"}


def fill(folder: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (folder / name).write_text(text)


def content_of(path: Path) -> dict[str, str] | str | None:
    """Text of a file or of all in a folder but what is hidden; None where there is nothing."""
    if not path.exists():
        return None
    if path.is_file():
        return path.read_text()
    return {file.name: file.read_text() for file in sorted(path.glob("[!.]*"))}


def hidden(folder: Path) -> list[Path]:
    return list(folder.rglob(f"*{SUFFIX}"))


class Case:
    """A target with old content, and what writes the new one."""

    notes: ClassVar[dict[str, str]] = {}
    exchanges = True
    steps = False
    """Whether others may see it incomplete for a moment."""
    old: Any = OLD
    new: Any = NEW

    def __init__(self, root: Path) -> None:
        self.root, self.target = root, root / "out"

    @classmethod
    def made_in(cls, root: Path) -> Self:
        case = cls(root)
        root.mkdir(exist_ok=True)
        case.prepare()
        return case

    def prepare(self) -> None:
        self.target.mkdir()
        fill(self.target, self.old)

    def write(self) -> None:
        with result_folder(self.target, overwrite=True) as staging:
            fill(staging, NEW)


class Results(Case):
    """A folder with results only."""


class ResultsAmongOthers(Case):
    """A folder that holds files of the user, too."""

    notes: ClassVar[dict[str, str]] = {"notes.txt": "mine"}
    steps = True
    old = OLD | notes
    new = NEW | notes


class ResultsWithoutExchange(Case):
    """A file system that cannot exchange folders."""

    exchanges = False
    steps = True


class Folder(Case):
    """A dataset, a bundle, an analysis."""

    def write(self) -> None:
        with atomic_path(self.target, overwrite=True) as path:
            path.mkdir()
            fill(path, NEW)


class FolderWithoutExchange(Folder):
    exchanges = False
    steps = True


class File(Case):
    """A bundle in one file, settings, tables, states."""

    old = "old"
    new = "new"

    def prepare(self) -> None:
        self.target.write_text("old")

    def write(self) -> None:
        with atomic_path(self.target, overwrite=True) as path:
            path.write_text("new")


class NewFolder(Case):
    """Nothing there before."""

    old = None

    def prepare(self) -> None:
        pass


CASES = (
    Results,
    ResultsAmongOthers,
    ResultsWithoutExchange,
    Folder,
    FolderWithoutExchange,
    File,
    NewFolder,
)


def write_beside(case: Case) -> None:
    with atomic_path(case.root / "other") as path:
        path.write_text("another command")


def healed_in_every_way(kind: type[Case], crashed: Case) -> None:
    """What a crash left is healed by a reader, by a command beside and by the same command."""
    for name in ("read", "beside", "again"):
        copy = crashed.root.with_name(name)
        shutil.copytree(crashed.root, copy)
        case = kind(copy)
        if name == "read":
            heal(case.target)
        elif name == "beside":
            write_beside(case)
        else:
            case.write()
        allowed = (case.new,) if name == "again" else (case.old, case.new)
        assert content_of(case.target) in allowed
        assert name == "read" or not hidden(copy)
        shutil.rmtree(copy)


@pytest.mark.parametrize("kind", CASES)
def test_killed_at_every_change(kind: type[Case], tmp_path: Path) -> None:
    seen = []
    for number in itertools.count(1):
        case = kind.made_in(tmp_path / str(number))
        code = killed_at(number, case.write, exchanges=case.exchanges)
        found = content_of(case.target)
        seen.append(found)
        if case.steps and found not in (case.old, case.new):
            # Never an old file beside a new one, and no file of the user's is touched.
            present = dict(found) if isinstance(found, dict) else {}
            assert {name: present.pop(name, None) for name in case.notes} == case.notes
            assert set(present.values()) in (set(), {"old"}, {"new"})
        else:
            assert found in (case.old, case.new)
        healed_in_every_way(kind, case)
        if code == WRITTEN:
            break
        assert code == KILLED
    assert seen[0] == case.old
    assert seen[-1] == case.new
    assert number > 5


@pytest.mark.parametrize("kind", CASES)
def test_full_disk_at_every_change(kind: type[Case], tmp_path: Path) -> None:
    codes = []
    for number in itertools.count(1):
        root = tmp_path / str(number)
        case = kind.made_in(root)
        codes.append(full_at(number, case.write, exchanges=case.exchanges))
        assert content_of(case.target) == (case.old if codes[-1] == REFUSED else case.new)
        assert not hidden(root)
        if codes[-1] == WRITTEN:
            break
    assert set(codes[:-1]) <= {REFUSED, SURVIVED}
    assert codes.count(REFUSED) > 3


def test_a_scan_is_read_whole_after_a_crash_among_other_files(tmp_path: Path) -> None:
    """The files of a result folder leave before their successors come: a reader completes this."""
    grid = Volume(np.ones((12, 12, 12)), np.diag([2.0, 2.0, 2.0, 1.0]))

    def write(folder: Path, value: int) -> None:
        for name in (MASK_FILE, ANOMALY_MAP_FILE):
            write_nifti(folder / name, np.full(grid.shape, value), grid, np.uint8)

    def overwrite(out: Path) -> None:
        with result_folder(out, overwrite=True) as staging:
            write(staging, 2)

    seen = set()
    for number in itertools.count(1):
        out = tmp_path / str(number) / "out"
        out.mkdir(parents=True)
        write(out, 1)
        (out / "notes.txt").write_text("mine")
        code = killed_at(number, partial(overwrite, out))
        missing = not (out / MASK_FILE).exists()
        values = [int(read_volume(out / n).data.max()) for n in (MASK_FILE, ANOMALY_MAP_FILE)]
        assert values[0] == values[1]
        seen.add((missing, values[0]))
        if code == WRITTEN:
            break
    assert seen == {(False, 1), (True, 2), (False, 2)}


def test_a_crash_while_healing_is_healed(tmp_path: Path) -> None:
    """The second process is killed at every change, too, and the third one ends it."""
    for first, second in itertools.product(range(5, 16, 2), (2, 4, 7)):
        case = ResultsAmongOthers.made_in(tmp_path / f"{first}-{second}")
        assert killed_at(first, case.write) == KILLED
        killed_at(second, partial(write_beside, case))
        heal(case.target)
        assert content_of(case.target) in (case.old, case.new)
        case.write()
        assert content_of(case.target) == case.new
        assert not hidden(case.root)


def held_by_a_fork(enter: Callable[[], object]) -> Callable[[], None]:
    """Enter a context in a fork; give what ends the fork without leaving the context."""
    ready, begun = os.pipe()
    wait, end = os.pipe()

    def body() -> None:
        held = enter()
        os.write(begun, b"x")
        os.read(wait, 1)
        assert held is not None
        os._exit(KILLED)

    pid = in_fork(body)
    assert os.read(ready, 1) == b"x"

    def kill() -> None:
        os.write(end, b"x")
        assert exit_code(pid) == KILLED
        for each in (ready, begun, wait, end):
            os.close(each)

    return kill


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("place", ["new", "there"])
def test_the_second_process_is_refused_before_its_work(
    place: str, overwrite: bool, tmp_path: Path
) -> None:
    target = tmp_path / place
    (tmp_path / "there").mkdir()
    contexts = []

    def enter() -> object:
        contexts.append(result_folder(target, overwrite=overwrite))
        return contexts[0].__enter__()

    kill = held_by_a_fork(enter)
    words = rf"^Another process is writing .*{place}; wait for it to end, or choose another path\.$"
    with (
        pytest.raises(OutputError, match=words),
        result_folder(target, overwrite=overwrite),
    ):
        pytest.fail("the second process began")
    kill()
    with result_folder(target, overwrite=overwrite) as staging:
        fill(staging, NEW)
    assert content_of(target) == NEW
    assert not hidden(tmp_path)


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    def enter() -> AtomicTarget:
        pending = AtomicTarget(tmp_path / "slow")
        pending.path.write_text("half")
        return pending

    kill = held_by_a_fork(enter)
    (left,) = hidden(tmp_path)
    with atomic_path(tmp_path / "other") as path:
        path.write_text("")
    assert hidden(tmp_path) == [left]
    assert (left / "new" / "slow").read_text() == "half"
    kill()
    with atomic_path(tmp_path / "other", overwrite=True) as path:
        path.write_text("")
    assert [p.name for p in tmp_path.iterdir()] == ["other"]


def test_leftovers_within_a_result_folder_go(tmp_path: Path) -> None:
    kill = held_by_a_fork(lambda: AtomicTarget(tmp_path / "out" / "settings.json"))
    kill()
    assert hidden(tmp_path / "out")
    with result_folder(tmp_path / "out") as staging:
        fill(staging, NEW)
    assert not hidden(tmp_path)


def test_a_claim_keeps_others_away_until_this_process_has_written(tmp_path: Path) -> None:
    target = tmp_path / "bundle"

    def other() -> None:
        with atomic_path(target, overwrite=True, seconds=0):
            pass

    with claimed(target):
        assert exit_code(in_fork(other)) == REFUSED
        for text in ("first", "second"):
            with atomic_path(target, overwrite=True) as path:
                path.mkdir()
                (path / "file").write_text(text)
        assert exit_code(in_fork(other)) == REFUSED
    assert content_of(target) == {"file": "second"}
    assert not hidden(tmp_path)
    with pytest.raises(OutputError, match="already exists"), claimed(target):
        pytest.fail("the work began")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"folder": "../..", "old": [], "new": []}',
        '{"folder": ".", "old": ["../x"], "new": []}',
        '{"folder": ".", "old": [], "new": [1]}',
    ],
)
def test_a_damaged_journal_is_one_sentence_and_loses_nothing(text: str, tmp_path: Path) -> None:
    room = tmp_path / f".out{SUFFIX}"
    (room / "old").mkdir(parents=True)
    (room / "old" / "mask").write_text("mine")
    (room / "journal").write_text(text)
    heal(tmp_path / "out")
    with (
        pytest.raises(OutputError, match=r"journal is damaged; move .* and remove it\.$"),
        atomic_path(tmp_path / "out"),
    ):
        pytest.fail("the work began")
    assert (room / "old" / "mask").read_text() == "mine"
    with atomic_path(tmp_path / "other") as path:
        path.write_text("")
    assert (room / "old" / "mask").read_text() == "mine"


def test_a_link_in_the_place_of_the_hidden_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("mine")
    (tmp_path / f".out{SUFFIX}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot be written"), atomic_path(tmp_path / "out"):
        pytest.fail("the work began")
    assert (tmp_path / "elsewhere" / "file").read_text() == "mine"


def test_a_private_workspace_is_closed_to_others(tmp_path: Path) -> None:
    workspace = Workspace.beside(tmp_path / "analysis", private=True)
    assert workspace.path.stat().st_mode & 0o077 == 0
    workspace.close()
    assert not any(tmp_path.iterdir())


def test_the_current_folder_stays_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Results.made_in(tmp_path)
    monkeypatch.chdir(case.target)
    before = case.target.stat().st_ino
    with result_folder(".", overwrite=True) as staging:
        fill(staging, NEW)
    assert case.target.stat().st_ino == before
    assert content_of(Path()) == NEW


def test_a_linked_result_folder_stays_a_link(tmp_path: Path) -> None:
    case = Results.made_in(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(case.target)
    case.target.chmod(0o750)
    with result_folder(link, overwrite=True) as staging:
        fill(staging, NEW)
    assert link.is_symlink()
    assert content_of(case.target) == NEW
    assert case.target.stat().st_mode & 0o777 == 0o750
