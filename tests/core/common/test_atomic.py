"""A target is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from anofpdm.common.atomic import AtomicTarget, atomic_path
from anofpdm.common.errors import OutputError
from anofpdm.common.swapping import workspace
from anofpdm.common.swapping.workspace import make_folder


def everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_file_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "scan.nii.gz"
    with atomic_path(target) as path:
        path.write_bytes(b"whole")
        assert path.name == "scan.nii.gz"
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert everything_below(tmp_path) == {"new", "new/deep", "new/deep/scan.nii.gz"}


@pytest.mark.parametrize("fault", [ValueError("bad"), KeyboardInterrupt(), SystemExit(1)])
def test_nothing_remains_after_a_fault(tmp_path: Path, fault: BaseException) -> None:
    with pytest.raises(type(fault)), atomic_path(tmp_path / "a" / "b" / "x.json") as path:
        path.write_text("half")
        raise fault
    assert everything_below(tmp_path) == set()


def test_fault_keeps_the_old_file_and_folders_that_were_there(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "x"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(target, overwrite=True) as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert everything_below(tmp_path) == {"there", "there/x"}


def test_existing_target_is_refused_before_any_work(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("old")
    with pytest.raises(OutputError, match=r"already exists.*overwrit"), atomic_path(target):
        pytest.fail("the body must not run")
    assert target.read_text() == "old"


def test_target_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with pytest.raises(OutputError, match="already exists"), atomic_path(target) as path:
        path.write_text("mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert everything_below(tmp_path) == {"x"}


def test_overwrite_replaces_a_folder_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "x.zarr"
    target.mkdir()
    (target / "old").write_text("old")
    with atomic_path(target, overwrite=True) as path:
        path.mkdir()
        (path / "new").write_text("new")
    assert everything_below(tmp_path) == {"x.zarr", "x.zarr/new"}


def test_old_folder_comes_back_when_the_swap_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x"
    target.mkdir()
    (target / "old").write_text("old")
    pending = AtomicTarget(target, overwrite=True)
    pending.path.mkdir()
    rename = os.rename

    def interrupted(source: Path, to: Path) -> None:
        if source == pending.path:
            raise KeyboardInterrupt
        rename(source, to)

    monkeypatch.setattr(workspace, "exchange", lambda first, second: False)
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pending.commit()
    assert everything_below(tmp_path) == {"x", "x/old"}


def test_a_file_does_not_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with (
        pytest.raises(OutputError, match="cannot be written"),
        atomic_path(tmp_path / "x", overwrite=True) as path,
    ):
        path.write_text("file")
    assert everything_below(tmp_path) == {"x"}


def test_path_below_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "sub" / "x"
    with pytest.raises(OutputError, match="not a folder") as caught, atomic_path(target):
        pytest.fail("the body must not run")
    assert str(target) in str(caught.value)
    assert everything_below(tmp_path) == {"file"}


def test_full_disk_is_an_output_error_and_other_os_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"No space left.*free some"), atomic_path(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "x"):
        (tmp_path / "missing").read_bytes()
    assert everything_below(tmp_path) == set()


def test_a_workspace_that_vanishes_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer's workspace is there when the folder is made, and gone a moment later."""
    real, vanished = Path.mkdir, list[Path]()

    def mkdir(path: Path, *given: object, **named: object) -> None:
        if path.name.endswith(workspace.SUFFIX) and not vanished:
            vanished.append(path)
            # What pathlib raises then, whether or not it was told that the folder may exist.
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        real(path, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with atomic_path(tmp_path / "a.json") as pending:
        pending.write_text("{}")
    assert vanished and [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_that_is_removed_while_it_is_looked_at_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.touch()
    with pytest.raises(FileExistsError):
        make_folder(file)
    # What another process removes between two looks is there for the first and not the second.
    monkeypatch.setattr(Path, "is_dir", lambda self: False)
    make_folder(folder)
    with pytest.raises(FileExistsError):
        make_folder(file)


def test_threads_that_write_one_file_wait_for_each_other(tmp_path: Path) -> None:
    target = tmp_path / "state.json"

    def write(number: int) -> None:
        for turn in range(40):
            with atomic_path(target, overwrite=True) as pending:
                pending.write_text(f"{number} {turn}\n" * 50)
            assert len(set(target.read_text().splitlines())) == 1

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(write, number) for number in range(4)]:
            done.result()
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]
