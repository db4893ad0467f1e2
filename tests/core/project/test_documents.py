"""The documents tell what is so: their commands exist, their settings are the program's."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from anofpdm.cli.app import app
from anofpdm.training.config import TrainingConfig

COMMAND = re.compile(r"^(?:    )?(?:torchrun .* -m anofpdm\.cli|anofpdm) (.+)$", re.MULTILINE)
SETTING = re.compile(r"^\| `([\w.]+)` \| (.+) \|$", re.MULTILINE)
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)
# In the documents these stand for one of several, or for what the reader fills in.
PLACEHOLDERS = re.compile(r"\.\.\.|\|")


def documents(root: Path) -> list[Path]:
    top = [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted((root / "docs").glob("**/*.md"))]


def test_every_command_in_the_documents_is_understood(repo_root: Path) -> None:
    commands = [
        (document.name, command)
        for document in documents(repo_root)
        for command in COMMAND.findall(document.read_text(encoding="utf-8"))
        if not PLACEHOLDERS.search(command)
    ]
    assert len(commands) > 20
    root = get_command(app)
    for where, command in commands:
        # A comment of the shell begins after a space; a # inside a word belongs to it.
        arguments = shlex.split(re.sub(r"\s#.*", "", command))
        try:
            parsed(root, arguments)
        except Exception as error:
            pytest.fail(f"{where}: anofpdm {command}: {error}")


def parsed(command: Any, arguments: list[str]) -> None:
    """Parse a command line to its last option without running it."""
    context = typer.Context(command, info_name="anofpdm")
    while hasattr(command, "resolve_command"):
        _, command, arguments = command.resolve_command(context, arguments)
        context = typer.Context(command, parent=context, info_name=command.name)
    command.make_context(command.name, arguments, parent=context)


def test_the_published_settings_are_the_defaults(repo_root: Path) -> None:
    text = (repo_root / "docs" / "tutorial-brats21.md").read_text(encoding="utf-8")
    settings = SETTING.findall(text)
    assert len(settings) > 10
    defaults = TrainingConfig().model_dump(mode="json")
    for key, value in settings:
        found = defaults
        for name in key.split("."):
            found = found[name]
        assert found == json.loads(value), key


@pytest.mark.parametrize("name", ["tutorial-brats21.md", "tutorial-own-model.md"])
def test_the_configurations_of_the_tutorials_are_valid(
    repo_root: Path, tmp_path: Path, name: str
) -> None:
    texts = TOML.findall((repo_root / "docs" / name).read_text(encoding="utf-8"))
    assert len(texts) == 1
    (tmp_path / "run.toml").write_text(texts[0])
    TrainingConfig.from_toml(tmp_path / "run.toml")


def test_links_between_the_documents_lead_somewhere(repo_root: Path) -> None:
    for document in documents(repo_root):
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), (document.name, link)


def test_the_architecture_is_drawn_from_the_contract(repo_root: Path) -> None:
    updated = runpy.run_path(str(repo_root / "docs" / "scripts" / "architecture.py"))["updated"]
    page = (repo_root / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert page == updated(page), "run: python docs/scripts/architecture.py"


def test_the_results_are_written_from_the_files_of_runs(repo_root: Path) -> None:
    written = runpy.run_path(str(repo_root / "docs" / "scripts" / "results.py"))["page"]
    page = (repo_root / "docs" / "results.md").read_text(encoding="utf-8")
    assert page == written(), "run: python docs/scripts/results.py"


def test_where_things_live_answers_at_least_ten_questions(repo_root: Path) -> None:
    text = (repo_root / "docs" / "where-things-live.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| .*\? \| .*\]\(\.\./.* \|$", text, re.MULTILINE)) >= 10


def test_every_page_and_room_is_in_the_navigation(repo_root: Path) -> None:
    text = (repo_root / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w/-]+\.md$", text, re.MULTILINE))
    pages = {p.relative_to(repo_root / "docs").as_posix() for p in documents(repo_root)[3:]}
    rooms = {p.parent.name for p in (repo_root / "src_core/anofpdm").glob("*/__init__.py")}
    reference = {f"api/{room}.md" for room in rooms - {"cli"}}
    elsewhere = {"index.md", "contributing.md", "changelog.md", "api/index.md"}
    assert listed == pages | reference | elsewhere
