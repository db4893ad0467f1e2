"""The page of the viewer names the viewer's own keys."""

from __future__ import annotations

import re
from pathlib import Path

from napari_anofpdm.app.shortcuts import SHORTCUTS


def test_the_page_lists_every_key_and_no_other(repo_root: Path) -> None:
    text = (repo_root / "docs" / "viewer.md").read_text(encoding="utf-8")
    table = text.partition("## Keys")[2].partition("\n## ")[0]
    listed = {
        key
        for row in re.findall(r"^\| (`.*) \| .* \|$", table, re.MULTILINE)
        for key in re.findall(r"`([^`]+)`", row)
    }
    assert listed == {shortcut.key for shortcut in SHORTCUTS}
