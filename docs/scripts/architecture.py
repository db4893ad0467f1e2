"""Write the drawings and tables of docs/architecture.md from the import contract.

The contract stands in pyproject.toml ([tool.importlinter]) and holds in the tests; what a room is
for is the first paragraph of its `__init__`. Run after a change of either:

python docs/scripts/architecture.py
"""

from __future__ import annotations

import ast
import re
import tomllib
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = {"anofpdm": "src_core/anofpdm", "napari_anofpdm": "napari_anofpdm"}


def main() -> None:
    """Bring the page up to date."""
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def updated(page: str) -> str:
    """Return the page with every generated part made anew."""
    for package in PACKAGES:
        layers = layers_of(package)
        part = f"{diagram(layers)}\n\n{table(package, layers)}"
        between = re.compile(
            rf"(<!-- begin {package} -->\n).*?(\n<!-- end {package} -->)", re.DOTALL
        )
        page, count = between.subn(lambda m, part=part: m[1] + part + m[2], page)
        if count != 1:
            raise ValueError(f"{PAGE.name} needs one part between the marks of {package}")
    return page


def layers_of(package: str) -> list[list[str]]:
    """Rooms of a package from the top layer down; those of one layer do not know each other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers" and contract.get("containers") == [package]:
            return [[room.strip() for room in line.split("|")] for line in contract["layers"]]
    raise ValueError(f"pyproject.toml has no contract on the layers of {package}")


def diagram(layers: list[list[str]]) -> str:
    """Return a Mermaid flow chart in which each layer points to the one below it."""
    lines = ["```mermaid", "flowchart TD"]
    for above, below in pairwise(layers):
        lines.append(f"    {' & '.join(above)} --> {' & '.join(below)}")
    return "\n".join([*lines, "```"])


def table(package: str, layers: list[list[str]]) -> str:
    """Return a table of the rooms from the top layer down, with what lives in each."""
    rows = [
        f"| [`{room}/`](../{PACKAGES[package]}/{room}) | {purpose(package, room)} |"
        for layer in layers
        for room in layer
    ]
    return "\n".join(["| room | what lives there |", "|---|---|", *rows])


def purpose(package: str, room: str) -> str:
    """First paragraph of a room's docstring."""
    source = ROOT / PACKAGES[package] / room / "__init__.py"
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    if not text:
        raise ValueError(f"{source} does not say what lives there")
    return " ".join(text.partition("\n\n")[0].split())


if __name__ == "__main__":
    main()
