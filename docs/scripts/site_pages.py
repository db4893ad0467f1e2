"""Hooks of the documentation site (mkdocs.yml): pages of the repository, and the API reference.

README, CONTRIBUTING and CHANGELOG become pages, so that nothing is written twice. Links in all
pages are those that work on GitHub; here they are turned into links of the site, or into links to
the source where the site has no such page. The reference is made from the docstrings, which are
read; nothing is imported.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src_core" / "anofpdm"
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
NOT_PUBLIC = {"cli"}  # docs/command-line.md is its reference

LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere in the repository, and those of the reference."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, "api/index.md", content=public_names()))
    for room in rooms():
        files.append(File.generated(config, f"api/{room}.md", content=room_page(room)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links of the site."""
    del files
    source = Path(page.file.abs_src_path or ROOT / "generated")
    if not source.is_relative_to(ROOT):
        return markdown

    def site_link(match: re.Match[str]) -> str:
        opening, link, rest = match.groups()
        target = Path(os.path.normpath(source.parent / link))
        if not (target.exists() and target.is_relative_to(ROOT)):
            return match[0]  # mkdocs warns about it
        return opening + address(target, page.file.src_uri, config) + rest

    return LINK.sub(site_link, markdown)


def address(target: Path, page: str, config: MkDocsConfig) -> str:
    """Address of a file of the repository as seen from a page of the site."""
    name = target.relative_to(ROOT).as_posix()
    if name in PAGES:
        return posixpath.relpath(PAGES[name], posixpath.dirname(page) or ".")
    if target.is_relative_to(config.docs_dir) and target.suffix != ".py":
        inside = target.relative_to(config.docs_dir).as_posix()
        return posixpath.relpath(inside, posixpath.dirname(page) or ".")
    return f"{config.repo_url.rstrip('/')}/blob/main/{name}"


def rooms() -> list[str]:
    """Names of the core's rooms that have a page in the reference."""
    found = {path.parent.name for path in CORE.glob("*/__init__.py")}
    return sorted(found - NOT_PUBLIC)


def room_page(room: str) -> str:
    """Return the reference of one room: what its `__init__` says, then module by module."""
    modules = [
        ".".join(path.relative_to(CORE.parent).with_suffix("").parts)
        for path in sorted((CORE / room).rglob("*.py"))
        if not path.name.startswith("_")
    ]
    title, text = f"# anofpdm.{room}", docstring(load(f"anofpdm.{room}"))
    return "\n\n".join([title, text, *(f"::: {module}" for module in modules)])


def public_names() -> str:
    """Return a table of `anofpdm.__all__`, each name with a link to its documentation."""
    package = load("anofpdm")
    names = [str(name) for name in package.exports or []]
    rows = ["| name | what |", "|---|---|"]
    for name in sorted(name for name in names if not name.startswith("__")):
        target = package[name].final_target
        rows.append(f"| [`{name}`][{target.path}] | {first_paragraph(target)} |")
    by_room = [
        f"- [anofpdm.{room}]({room}.md): {first_paragraph(load(f'anofpdm.{room}'))}"
        for room in rooms()
    ]
    intro = "Names to import from `anofpdm` itself. They load on first use: the import is quick."
    parts = ["# API reference", intro, "\n".join(rows), "By room:", "\n".join(by_room)]
    return "\n\n".join(parts)


def load(package: str) -> griffe.Object:
    """Read a package without importing it."""
    return griffe.load(package, search_paths=[CORE.parent])


def docstring(documented: griffe.Object) -> str:
    """Return a docstring, "" where there is none."""
    return documented.docstring.value if documented.docstring else ""


def first_paragraph(documented: griffe.Object) -> str:
    """Return the first paragraph of a docstring, in one line."""
    return " ".join(docstring(documented).partition("\n\n")[0].split())
