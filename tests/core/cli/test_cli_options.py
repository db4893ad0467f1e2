"""Options of the commands: shared ones are the same, and messages name none that is missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from anofpdm.cli.app import app

ROOT = Path(__file__).parents[3]
RUN = {"process", "steps", "t_max", "device", "precision", "seed", "batch_size"}
OPTION = re.compile(r"(?<![\w/.-])--[a-z][a-z0-9-]*[a-z0-9](?![\w-])")
FOREIGN = {
    "--array", "--job-name", "--cpus-per-task", "--gres", "--mem", "--signal", "--time",  # sbatch
    "--force-reinstall", "--no-deps",  # pip
    "--nproc-per-node", "--standalone",  # torchrun
    "--picture",  # the plugin's demo
}  # fmt: skip
"""Options of other programs."""


def commands(group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {below}", one) for below, one in commands(command))
        else:
            yield name, command


ROOT_COMMAND = typer.main.get_command(app)
COMMANDS = dict(commands(ROOT_COMMAND))


def options_of(command: Any) -> set[str]:
    return {word for one in command.params for word in (*one.opts, *one.secondary_opts)}


def described(option: Any) -> tuple[object, ...]:
    shown = (option.opts, option.help, option.default, option.show_default, option.metavar)
    return *shown, option.type_descriptor.annotation, option.rich_help_panel


def run_options(name: str) -> dict[str, object]:
    return {one.name: described(one) for one in COMMANDS[name].params if one.name in RUN}


@pytest.mark.parametrize(
    "name", ["segment-cohort", "bids", "follow-up", "evaluate", "compare", "select-guidance"]
)
def test_commands_that_run_the_network_offer_the_same_run_options(name: str) -> None:
    assert run_options("segment").keys() == RUN
    assert run_options(name) == run_options("segment")


def strings(path: Path) -> Iterator[str]:
    """Yield the texts of a module that are no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", [])
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                one
                for one in body
                if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_option_that_a_message_names_exists() -> None:
    known = (
        FOREIGN | {"--help"} | options_of(ROOT_COMMAND).union(*map(options_of, COMMANDS.values()))
    )
    named = {
        (path.name, option)
        for package in ("src_core/anofpdm", "napari_anofpdm")
        for path in (ROOT / package).rglob("*.py")
        for text in strings(path)
        for option in OPTION.findall(text)
    }
    assert len(named) > 100
    assert {one for one in named if one[1] not in known} == set()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("bids", [], ["OUT", "participant"]),
        ("segment-cohort", [], ["--out", "OUT", "--layout", "bids"]),
        ("evaluate", ["--source"], ["--out", "OUT", "--layout", "bids"]),
    ],
)
def test_the_message_on_a_source_without_subjects_names_options_of_the_command(
    name: str, before: list[str], after: list[str], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    given = [name, *before, str(tmp_path / "empty"), *after]
    told = CliRunner().invoke(app, [str(tmp_path / "o") if one == "OUT" else one for one in given])
    assert told.exit_code == 2
    assert "no subject in the layout bids" in " ".join(told.stderr.split())
    assert set(OPTION.findall(told.stderr)) <= options_of(COMMANDS[name])
