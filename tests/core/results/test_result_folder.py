"""A result folder appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anofpdm.common.errors import OutputError
from anofpdm.results.folder import MASK_FILE, REPORT_FILE, result_folder


def _tree(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*"))


def test_new_folder_appears_with_its_parents(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    with result_folder(target) as staging:
        (staging / MASK_FILE).write_text("mask")
        assert not target.exists()
    assert _tree(tmp_path) == ["a", "a/b", f"a/b/{MASK_FILE}"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_no_trace(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), result_folder(tmp_path / "a" / "b") as staging:
        (staging / MASK_FILE).write_text("half")
        raise failure
    assert _tree(tmp_path) == []


def test_failure_keeps_an_existing_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / MASK_FILE).write_text("old")
    with pytest.raises(RuntimeError), result_folder(tmp_path, overwrite=True) as staging:
        (staging / MASK_FILE).write_text("half")
        raise RuntimeError
    assert (tmp_path / MASK_FILE).read_text() == "old"
    assert _tree(tmp_path) == [MASK_FILE]


def test_results_are_refused_without_overwrite(tmp_path: Path) -> None:
    (tmp_path / REPORT_FILE).write_text("{}")
    with (
        pytest.raises(OutputError, match=r"already contains results \(report.json\).*--overwrite"),
        result_folder(tmp_path),
    ):
        pass


def test_overwrite_drops_stale_results_and_keeps_other_files(tmp_path: Path) -> None:
    (tmp_path / MASK_FILE).write_text("old")
    (tmp_path / REPORT_FILE).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    with result_folder(tmp_path, overwrite=True) as staging:
        (staging / MASK_FILE).write_text("new")
    assert _tree(tmp_path) == [MASK_FILE, "notes.txt"]
    assert (tmp_path / MASK_FILE).read_text() == "new"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_interrupted_swap_puts_the_old_results_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / MASK_FILE).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    rename = os.rename

    def fail_on_new(source: Path, destination: Path) -> None:
        if destination == tmp_path / MASK_FILE and source.read_text() == "new":
            raise OSError("disk gone")
        rename(source, destination)

    monkeypatch.setattr(os, "rename", fail_on_new)
    with (
        pytest.raises(OutputError, match="disk gone"),
        result_folder(tmp_path, overwrite=True) as staging,
    ):
        (staging / MASK_FILE).write_text("new")
    assert (tmp_path / MASK_FILE).read_text() == "old"
    assert _tree(tmp_path) == [MASK_FILE, "notes.txt"]


def test_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(OutputError, match="is a file"),
        result_folder(tmp_path / "file" / "deeper" / "out"),
    ):
        pass


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputError, match="is a file"), result_folder(tmp_path / "out"):
        pass
