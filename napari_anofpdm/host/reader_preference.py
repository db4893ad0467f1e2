"""An offer, made once: let napari open NIfTI files with this plugin, also when they are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.host.preferences import PLUGIN

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

PATTERNS = ("*.nii", "*.nii.gz", "*.anofpdm.zarr/")
"""As napari's Preferences > Plugins spells file types; a folder ends in a slash."""

_QUESTION = (
    "Shall napari open .nii and .nii.gz files and stored analyses with AnoFPDM from now on, also "
    "when you drop them or use File > Open?\n\nYou can change this in Preferences > Plugins."
)


def offer_reader_preference(parent: QWidget | None) -> None:
    """Ask whether this plugin shall be napari's reader of its files, unless asked before.

    Whatever the answer, the question is not asked again. A reader that the user has chosen for one
    of the file types stays.

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
    """Make this plugin napari's reader of the file types for which the user has chosen none."""
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
        return False  # the plugin is disabled in this napari, so it cannot be its reader


def _close_question() -> None:
    from napari.settings import get_plugin_settings

    get_plugin_settings(PLUGIN).opening.offer_reader = False
