"""Citations of the method's page resolve, and no internal note is cited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "method.md"
FOLDERS = ("src_core", "napari_anofpdm", "tests", "benchmarks", "docs", "examples")
INTERNAL = "METH" + "OD"  # in two parts, so that this file does not contain the word
CITATION = re.compile(r"(?<![\w/])(?:docs/)?method\.md#(?P<anchor>[\w-]+)")


def _texts() -> Iterator[tuple[str, str]]:
    files = [p for name in FOLDERS for p in (ROOT / name).rglob("*") if p.suffix in (".py", ".md")]
    for path in [*files, *ROOT.glob("*.md")]:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def _anchors(page: str) -> set[str]:
    """The anchors that GitHub and MkDocs give the headings."""
    headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", h).strip().lower().replace(" ", "-") for h in headings}


def _dangling(texts: Iterator[tuple[str, str]], anchors: set[str]) -> list[str]:
    return [
        f"{name}: {match['anchor']}"
        for name, text in texts
        for match in CITATION.finditer(text)
        if match["anchor"] not in anchors
    ]


def test_every_citation_of_the_method_page_resolves() -> None:
    anchors = _anchors(PAGE.read_text(encoding="utf-8"))
    assert _dangling(_texts(), anchors) == []
    cited = {m["anchor"] for _, text in _texts() for m in CITATION.finditer(text)}
    assert {"1-schedule", "8-guidance-selection"} <= cited


def test_links_within_the_method_page_resolve() -> None:
    page = PAGE.read_text(encoding="utf-8")
    links = set(re.findall(r"\]\(#([\w-]+)\)", page))
    assert links and links <= _anchors(page)


def test_no_internal_note_is_cited() -> None:
    found = [name for name, text in _texts() if INTERNAL in text]
    assert found == []


@pytest.mark.parametrize(("anchor", "dangling"), [("1-schedule", 0), ("1-scedule", 1)])
def test_a_wrong_anchor_is_found(anchor: str, dangling: int) -> None:
    page = "# The method\n\n## 1. Schedule\n"
    texts = iter([("a.py", "# see docs/method.md#" + anchor)])
    assert len(_dangling(texts, _anchors(page))) == dangling
