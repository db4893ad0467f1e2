"""The plugin's keys: one table for the bindings and the help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.shortcuts_dialog import ShortcutsDialog
from napari_anofpdm.layers.roles import is_drawn
from napari_anofpdm.layers.windows import next_window
from napari_anofpdm.space.views import show_axial, show_coronal, show_sagittal

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtWidgets import QDialog

_HIDDEN = "anofpdm_hidden"


class Action(Protocol):
    """A function of the viewer."""

    __name__: str

    def __call__(self, viewer: napari.viewer.Viewer) -> object:
        """Run the action on a viewer."""


@dataclass(frozen=True)
class Shortcut:
    """One key.

    Attributes
    ----------
    key : str
        Key in napari's spelling; not used by napari's own default shortcuts of any layer.
    does : str
        Description in the help.
    action : callable
        Takes the viewer.
    """

    key: str
    does: str
    action: Action


def toggle_results(viewer: napari.viewer.Viewer) -> None:
    """Hide the anomaly map, the step maps and the mask preview, or show them again.

    Committed masks belong to the user and stay visible.
    """
    results = [layer for layer in viewer.layers if is_drawn(layer)]
    hidden = [layer for layer in results if layer.metadata.pop(_HIDDEN, False)]
    if hidden:
        for layer in hidden:
            layer.visible = True
        return
    for layer in results:
        if layer.visible:
            layer.metadata[_HIDDEN] = True
            layer.visible = False


def next_step(viewer: napari.viewer.Viewer) -> None:
    """Go one step along the forward process, toward more noise."""
    _move_step(viewer, 1)


def previous_step(viewer: napari.viewer.Viewer) -> None:
    """Go one step back along the forward process, toward the scan."""
    _move_step(viewer, -1)


def _move_step(viewer: napari.viewer.Viewer, by: int) -> None:
    session = context_of(viewer).session
    if session.analysis is not None:
        last = len(session.analysis.timesteps) - 1
        session.set_step(min(max(session.step + by, 0), last))


def mark_first(viewer: napari.viewer.Viewer) -> None:
    """Start an unhealthy range at the slice in view, in the Label panel."""
    context_of(viewer).labelling.first_asked.emit()


def mark_last(viewer: napari.viewer.Viewer) -> None:
    """End an unhealthy range at the slice in view, in the Label panel."""
    context_of(viewer).labelling.last_asked.emit()


def show_shortcuts(viewer: napari.viewer.Viewer) -> QDialog:
    """Show the table of keys in a small non-modal window."""
    dialog = ShortcutsDialog(rows(free_keys()))
    dialog.show()
    return dialog


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("8", "Axial slices", show_axial),
    Shortcut("9", "Coronal slices", show_coronal),
    Shortcut("0", "Sagittal slices", show_sagittal),
    Shortcut("W", "Next window: brain, narrow, full range", next_window),
    Shortcut(
        "H", "Hide or show the anomaly map, the step maps and the mask preview", toggle_results
    ),
    Shortcut("J", "Previous step of the forward process", previous_step),
    Shortcut("K", "Next step of the forward process", next_step),
    Shortcut(",", "First slice of an unhealthy range, in the Label panel", mark_first),
    Shortcut(".", "Last slice of an unhealthy range, in the Label panel", mark_last),
    Shortcut("F1", "Show this table", show_shortcuts),
)


KEYS: dict[str, str] = {shortcut.action.__name__: shortcut.key for shortcut in SHORTCUTS}
"""The key of each action, by the name of its function, for tooltips."""


def free_keys() -> frozenset[str]:
    """Return the keys of the table that the user has not assigned to an action of napari."""
    from napari.settings import get_settings

    taken = {str(key) for keys in get_settings().shortcuts.shortcuts.values() for key in keys}
    return frozenset(s.key for s in SHORTCUTS if s.key not in taken)


def rows(free: frozenset[str]) -> list[tuple[str, str]]:
    """Return key and description of each shortcut, for the help."""
    return [(s.key if s.key in free else "(used by napari)", s.does) for s in SHORTCUTS]


def bind_shortcuts(viewer: napari.viewer.Viewer) -> None:
    """Bind the keys of the table, except those assigned to an action of napari."""
    free = free_keys()
    for shortcut in SHORTCUTS:
        if shortcut.key in free:
            viewer.bind_key(shortcut.key, shortcut.action, overwrite=True)
