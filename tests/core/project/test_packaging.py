from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest

MANIFEST = "napari_anofpdm/napari.yaml"


def _run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    env = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _build(source: Path, out: Path, kind: str) -> Path:
    _run(sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", out, source)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(repo_root, tmp_path_factory.mktemp("sdist"), "--sdist")


@pytest.fixture(scope="module")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(repo_root, tmp_path_factory.mktemp("wheel"), "--wheel")


@pytest.fixture(scope="module")
def wheel_of_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return _build(source, tmp_path_factory.mktemp("wheel_of_sdist"), "--wheel")


@pytest.fixture(scope="module")
def project(repo_root: Path) -> dict[str, Any]:
    return tomllib.loads((repo_root / "pyproject.toml").read_text())


def test_a_source_archive_holds_all_that_stands_at_the_top(sdist: Path, repo_root: Path) -> None:
    """All but what only a checkout needs: `.ci`, `.github` and the like."""
    with tarfile.open(sdist) as archive:
        held = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=repo_root, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout of git")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= held


def _sources(repo_root: Path) -> set[str]:
    """Files of both import packages, as a wheel names them."""
    roots = {repo_root / "src_core": "anofpdm", repo_root: "napari_anofpdm"}
    return {
        path.relative_to(base).as_posix()
        for base, package in roots.items()
        for path in (base / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("origin", ["wheel", "wheel_of_sdist"])
def test_a_wheel_holds_both_packages_whole(
    origin: str, request: pytest.FixtureRequest, repo_root: Path
) -> None:
    with zipfile.ZipFile(request.getfixturevalue(origin)) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert archive.read(MANIFEST) == (repo_root / "napari.yaml").read_bytes()
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert held == _sources(repo_root)


@pytest.mark.parametrize("origin", ["wheel", "wheel_of_sdist"])
def test_an_installed_wheel_passes_npe2(
    origin: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    target = tmp_path / "site"
    built = request.getfixturevalue(origin)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    _run(*pip, "--target", target, built)
    where, said = _where_and_verdict(tmp_path, PYTHONPATH=str(target))
    assert where.is_relative_to(target)
    assert "valid!" in said


def test_the_environment_passes_npe2(repo_root: Path, tmp_path: Path) -> None:
    where, said = _where_and_verdict(tmp_path)
    assert where.is_relative_to(repo_root), "not the editable install that `make test` makes"
    assert "valid!" in said


def _where_and_verdict(empty: Path, **environment: str) -> tuple[Path, str]:
    """Where the plugin is imported from, and what npe2 says, away from the working tree."""
    locate = "import napari_anofpdm; print(napari_anofpdm.__file__)"
    where = _run(sys.executable, "-c", locate, cwd=empty, **environment)
    validate = [sys.executable, "-m", "npe2", "validate", "napari-anofpdm"]
    return Path(where.strip()), _run(*validate, cwd=empty, **environment)


def test_the_console_script_is_installed() -> None:
    (script,) = entry_points(group="console_scripts", name="anofpdm")
    assert callable(script.load())


def test_changelog_and_citation_tell_the_version(repo_root: Path, project: dict[str, Any]) -> None:
    assert version("napari-anofpdm") == project["project"]["version"]
    changelog = (repo_root / "CHANGELOG.md").read_text()
    citation = (repo_root / "CITATION.cff").read_text()
    assert f"\nversion: {project['project']['version']}\n" in citation
    assert re.search(rf"^## {re.escape(version('napari-anofpdm'))}\b", changelog, re.MULTILINE)


def test_constraints_pin_all_that_the_environment_needs(
    repo_root: Path, project: dict[str, Any]
) -> None:
    pins = {}
    for line in (repo_root / "constraints.txt").read_text().splitlines():
        matched = re.fullmatch(r"([\w.-]+)==([\w.!]+)", line)
        assert matched, f"not a plain pin: {line}"
        pins[_normal(matched[1])] = matched[2]
    wanted = list(project["project"]["dependencies"])
    wanted += project["project"]["optional-dependencies"]["napari"]
    for group in project["dependency-groups"].values():
        wanted += [requirement for requirement in group if isinstance(requirement, str)]
    for requirement in wanted:
        assert _normal(re.split(r"[<>=\[]", requirement)[0]) in pins


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
