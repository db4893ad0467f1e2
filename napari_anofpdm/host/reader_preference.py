"""Ask once whether napari should open scan files with this plugin by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anofpdm.scans.files.suffixes import SUFFIXES
from napari_anofpdm.host.preferences import PLUGIN

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

PATTERNS = (*(f"*{suffix}" for suffix in SUFFIXES), "*.anofpdm.zarr/")
"""File patterns in the form of napari's Preferences > Plugins; a folder ends in a slash."""

_QUESTION = (
    "Should napari open scans (NIfTI, MGZ, NRRD, MetaImage) and stored analyses with AnoFPDM from "
    "now on, also by drag and drop and File > Open?\n\n"
    "You can change this in Preferences > Plugins."
)


def offer_reader_preference(parent: QWidget | None) -> None:
    """Ask whether napari should use this plugin as the reader of its files, unless asked before.

    The question is asked once, whatever the answer. A reader that the user has already chosen
    for a file type is kept.

    Parameters
    ----------
    parent : QWidget or None
        The window that the question belongs to.
    """
    from qtpy.QtWidgets import QMessageBox

    if not _is_open():
        return
    answer = QMessageBox.question(parent, "AnoFPDM", _QUESTION)
    _close_question()
    if answer == QMessageBox.StandardButton.Yes:
        prefer_own_reader()


def prefer_own_reader() -> None:
    """Make this plugin napari's reader for those of its file types that have no reader yet."""
    from napari.settings import get_settings

    plugins = get_settings().plugins
    own = dict.fromkeys(PATTERNS, PLUGIN)
    plugins.extension2reader = own | plugins.extension2reader


def _is_open() -> bool:
    from napari.settings import get_plugin_settings, get_settings

    chosen = get_settings().plugins.extension2reader
    if all(pattern in chosen for pattern in PATTERNS):
        return False
    try:
        return bool(get_plugin_settings(PLUGIN).opening.offer_reader)
    except KeyError:
        return False  # the plugin is disabled in napari, so it cannot be the reader


def _close_question() -> None:
    from napari.settings import get_plugin_settings

    get_plugin_settings(PLUGIN).opening.offer_reader = False
