"""Sentences of a report name files without their folders, which may name a patient."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anofpdm.datasets.case import Case
    from anofpdm.datasets.preparation.config import PrepareConfig


def names_only(text: str, config: PrepareConfig, cases: Iterable[Case]) -> str:
    """Shorten the paths in a sentence to names, unless `config` keeps them.

    Parameters
    ----------
    text : str
        A sentence on some cases of `config`.
    config : PrepareConfig
        For the paths of its files, and for its `keep_paths`.
    cases : iterable of Case
        Whose files the sentence may name.
    """
    if config.keep_paths:
        return text
    files = [path for case in cases for path in case.files().values()]
    named = [path for path in (*files, config.labels, config.splits) if path is not None]
    text = _named(text, named)
    source = config.source
    if source.name:
        text = _replaced(text, f"{source}{os.sep}", "")
        # A table is known by its name; the name of a folder may be a patient's.
        text = _replaced(text, str(source), source.name if source.is_file() else "the source")
    return _without_parents(text, named)


def without_folders(text: str, files: Iterable[Path]) -> str:
    """Shorten the paths of files in a sentence, and of others beside them, to names."""
    named = list(files)
    return _without_parents(_named(text, named), named)


def _named(text: str, files: Iterable[Path]) -> str:
    for path in sorted(set(files), key=lambda each: len(str(each)), reverse=True):
        text = _replaced(text, str(path), path.name)
    return text


def _without_parents(text: str, files: Iterable[Path]) -> str:
    """Shorten what remains of paths: those of other files there, such as the .img of an .hdr."""
    for folder in sorted({str(path.parent) for path in files}, key=len, reverse=True):
        text = _replaced(text, f"{folder}{os.sep}", "")
    return text


def _replaced(text: str, path: str, name: str) -> str:
    """Replace a path where it stands whole, not where another one ends like it."""
    return re.sub(rf"(?<![\w./\\-]){re.escape(path)}", lambda _: name, text)
