"""What pyproject.toml declares is what the packages import, no more and no less."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("src_core/anofpdm", "napari_anofpdm")
SCRIPTS = ("tests", "benchmarks", "docs", "examples")
OWN = {"anofpdm", "napari_anofpdm", "tests"}
# Scripts in benchmarks/ that another imports.
OWN |= {"cohort", "gpu_parts", "gpu_report", "training_step", "viewer_latency"}
# Triton comes with PyTorch where that has CUDA on Linux; elsewhere the program does without.
OWN |= {"triton"}
# Distributions whose import name is another one; `a.b` is a module that needs one more.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "gdcm": "python-gdcm",
    "griffe": "griffelib",
    "pytestqt": "pytest-qt",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "torch.utils.tensorboard": "tensorboard",
}
# Programs that tests and developers run, which nothing imports.
TOOLS = {"build", "hatchling", "mypy", "pandas-stubs", "pre-commit", "ruff", "scipy-stubs"}
TOOLS |= {"import-linter", "pytest-cov", "pytest-xdist", "mkdocs-material", "mkdocstrings"}


@pytest.fixture(scope="module")
def project(repo_root: Path) -> dict[str, Any]:
    return tomllib.loads((repo_root / "pyproject.toml").read_text())


def test_every_import_of_the_packages_is_declared(repo_root: Path, project: dict[str, Any]) -> None:
    base = _names(project["project"]["dependencies"])
    assert _imported(repo_root, ["src_core/anofpdm"]) <= base | _extras(
        project, {"cluster", "dicom", "formats", "skull", "train"}
    )
    assert _imported(repo_root, PACKAGES) <= base | _extras(project)


def test_every_dependency_is_imported(repo_root: Path, project: dict[str, Any]) -> None:
    base = _names(project["project"]["dependencies"])
    assert base <= _imported(repo_root, PACKAGES)
    assert _extras(project) <= _imported(repo_root, PACKAGES)


def test_no_dependency_is_declared_twice(project: dict[str, Any]) -> None:
    base = _names(project["project"]["dependencies"])
    assert base.isdisjoint(_extras(project))


def test_what_tests_and_scripts_import_is_declared(
    repo_root: Path, project: dict[str, Any]
) -> None:
    base, extras = _names(project["project"]["dependencies"]), _extras(project)
    development = _development(project)
    imported = _imported(repo_root, SCRIPTS)
    assert imported <= base | extras | development
    assert development - TOOLS <= imported


def test_the_probe_tells_packages_from_modules(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import os, skimage.measure\n"
        "from anofpdm.model import unet\n"
        "from . import b\n"
        "def f():\n    from torch.utils.tensorboard import SummaryWriter\n"
    )
    assert _imported(tmp_path, ["."]) == {"scikit-image", "torch", "tensorboard"}


def _names(requirements: Iterable[Any]) -> set[str]:
    """Normalised names of distributions; references to extras or groups of its own are skipped."""
    named = [re.split(r"[<>=!~;\[ ]", text)[0] for text in requirements if isinstance(text, str)]
    return {re.sub(r"[-_.]+", "-", name).lower() for name in named} - {"napari-anofpdm"}


def _extras(project: dict[str, Any], only: set[str] | None = None) -> set[str]:
    """Distributions of the extras that users ask for."""
    extras = project["project"]["optional-dependencies"]
    return {n for extra in set(extras) & (only or set(extras)) for n in _names(extras[extra])}


def _development(project: dict[str, Any]) -> set[str]:
    """Distributions that only tests and developers need."""
    groups = project["dependency-groups"].values()
    return {name for group in groups for name in _names(group)} - _extras(project)


def _imported(root: Path, folders: Iterable[str]) -> set[str]:
    modules = {
        module
        for folder in folders
        for path in (root / folder).rglob("*.py")
        for module in _modules(path)
    }
    tops = {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names) - OWN
    found = {DISTRIBUTIONS.get(top, top) for top in tops}
    found |= {DISTRIBUTIONS[module] for module in modules & DISTRIBUTIONS.keys()}
    return _names(found)


@functools.cache
def _modules(path: Path) -> frozenset[str]:
    """Absolute imports of a file, which several tests ask for."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return frozenset(found)
