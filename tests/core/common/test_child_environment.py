from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from anofpdm.common.processes.child_environment import child_environment, safe_children

# Imports a module that a development install names, and tells whether the current folder's was run.
SCRIPT = """
try:
    import trap
except ImportError:
    trap = None
import wanted
print(wanted.__file__, trap)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with `trap.py`, beside `src` with `wanted.py`."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "trap.py").write_text("")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "wanted.py").write_text("")
    monkeypatch.chdir(here)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return here


@pytest.mark.parametrize("entries", [["SRC"], ["", "SRC"], ["SRC", ""], [".", "SRC", "./"]])
def test_only_what_pythonpath_names_is_imported(folder: Path, entries: list[str]) -> None:
    source = folder.parent / "src"
    for name in (str(source), "../src"):
        given = os.pathsep.join(name if entry == "SRC" else entry for entry in entries)
        environment = child_environment({**os.environ, "PYTHONPATH": given})
        said = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True
        )
        assert said.stdout.decode().split() == [str(source / "wanted.py"), "None"]


def test_a_folder_that_is_named_in_full_is_meant(folder: Path) -> None:
    made = child_environment({"PYTHONPATH": str(folder)})
    assert made == {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
    assert child_environment({"PYTHONPATH": ""}) == {"PYTHONSAFEPATH": "1"}


def test_the_environment_is_as_before_afterwards(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "../src"]))
    before = dict(os.environ)
    with pytest.raises(KeyError), safe_children():
        assert os.environ["PYTHONSAFEPATH"] == "1"
        assert os.environ["PYTHONPATH"] == str(folder.parent / "src")
        raise KeyError
    assert dict(os.environ) == before
