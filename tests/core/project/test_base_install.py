"""What a plain `pip install napari-anofpdm` brings: all but a viewer."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BINDINGS = {"pyqt5", "pyqt6", "pyside2", "pyside6", "pyqt5-qt5", "pyqt6-qt6", "shiboken6"}

SEGMENT_WITHOUT_QT = """
import sys

class NoScreen:
    gui = {"PyQt5", "PyQt6", "PySide2", "PySide6", "qtpy", "superqt", "pyqtgraph", "napari"}

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.gui:
            raise ImportError(f"{name} is forbidden here")

sys.meta_path.insert(0, NoScreen())

import anofpdm
from anofpdm.method.settings import AbsoluteThreshold
from tests.core.segmentation_cases import analysis

for name in anofpdm.__all__:
    getattr(anofpdm, name)
made = analysis()
settings = anofpdm.Settings(guidance=2.0, threshold=AbsoluteThreshold(value=0.2))
result = anofpdm.interpret(made, settings)
native = anofpdm.to_native(made, result)
print(native.mask.any(), *native.mask.shape)
"""


def test_the_base_closure_has_neither_napari_nor_a_qt_binding(repo_root: Path) -> None:
    names = closure(declared(repo_root))
    assert {"torch", "qtpy", "sympy"} <= names  # deep enough to see what torch needs
    assert names.isdisjoint({"napari", *BINDINGS})


def test_the_napari_extra_has_both(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(map(Requirement, project["optional-dependencies"]["napari"]))
    if not _requires("napari"):
        pytest.skip("napari is not installed here")
    names = closure(wanted)
    assert "napari" in names
    assert names & BINDINGS


def test_the_core_interprets_where_qt_cannot_be_imported(repo_root: Path) -> None:
    command = [sys.executable, "-c", SEGMENT_WITHOUT_QT]
    done = subprocess.run(command, cwd=repo_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "14", "15", "6"]


def declared(root: Path) -> list[Requirement]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text) for text in project["dependencies"]]


def closure(wanted: list[Requirement]) -> set[str]:
    """Normalised names of all distributions that an installer would bring here.

    Markers are evaluated for this Python; extras count where a requirement asks for them.
    """
    found: set[tuple[str, str]] = set()
    waiting = [(r.name, extra) for r in wanted for extra in ("", *r.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (canonicalize_name(name), extra) in found:
            continue
        found.add((canonicalize_name(name), extra))
        for requirement in map(Requirement, _requires(name)):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(requirement.name, e) for e in ("", *requirement.extras)]
    return {str(name) for name, _ in found}


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # not of this environment: the binding that is not under test
        return []
