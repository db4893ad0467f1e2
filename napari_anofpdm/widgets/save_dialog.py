"""Ask where to save a file."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget


def ask_where_to_save(
    parent: QWidget | None, title: str, name: str, filters: str
) -> tuple[Path, bool] | None:
    """Ask for a file name, and add the suffix of the selected filter to a bare one.

    Parameters
    ----------
    parent : QWidget or None
        The window of the dialog.
    title, name : str
        Title of the dialog, and the proposed name.
    filters : str
        In the format of Qt's dialogs: "SVG picture (*.svg);;PNG picture (*.png)".

    Returns
    -------
    tuple of (Path, bool) or None
        The file, and whether the user agreed to replace it: the dialog asks about the name that it
        sees, not about the one with a suffix added. None if the dialog was cancelled.
    """
    chosen, picked = QFileDialog.getSaveFileName(parent, title, name, filters)
    if not chosen:
        return None
    path = with_suffix(Path(chosen), picked, filters)
    return path, path == Path(chosen)


def with_suffix(path: Path, picked: str, filters: str) -> Path:
    """Add the suffix of the selected filter, else the first, unless the name has one of them."""
    if path.suffix.lower() in _suffixes(filters):
        return path
    return path.with_name(path.name + _suffixes(picked or filters)[0])


def _suffixes(filters: str) -> list[str]:
    return [part.split(")")[0] for part in filters.split("(*")[1:]]
