"""The plugin's keys: one table for the bindings and the help."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.explanation import ExplanationDialog
from napari_anofpdm.app.shortcuts_dialog import ShortcutsDialog
from napari_anofpdm.host.held_keys import HeldKeys
from napari_anofpdm.layers.roles import is_drawn
from napari_anofpdm.layers.windows import next_window
from napari_anofpdm.lesions.walking import toggle_verdict, walk_lesions
from napari_anofpdm.reading.central import Central, main_window
from napari_anofpdm.reading.hands import MOUSE
from napari_anofpdm.reading.hidden_overlays import hidden_overlays
from napari_anofpdm.reading.slices import has_slices, move_slice

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtWidgets import QDialog

_HIDDEN = "anofpdm_hidden"
_NEXT = "Next slice: toward superior, anterior or left"
_PREVIOUS = "Previous slice: toward inferior, posterior or right"


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
        Key in napari's spelling; not used by napari's own default shortcuts of any layer, but for
        the action that it replaces.
    does : str
        Description in the help.
    action : callable
        Takes the viewer.
    instead_of : str
        The action of napari whose default key this is; while no scan is in view, the key does
        the same as that.
    repeats : bool
        Whether the action is repeated while the key is held. napari repeats the arrow keys.
    """

    key: str
    does: str
    action: Action
    instead_of: str = ""
    repeats: bool = False


def show_axial(viewer: napari.viewer.Viewer) -> None:
    """Show axial slices only."""
    context_of(viewer).layouts.show_plane("axial")


def show_coronal(viewer: napari.viewer.Viewer) -> None:
    """Show coronal slices only."""
    context_of(viewer).layouts.show_plane("coronal")


def show_sagittal(viewer: napari.viewer.Viewer) -> None:
    """Show sagittal slices only."""
    context_of(viewer).layouts.show_plane("sagittal")


def toggle_planes(viewer: napari.viewer.Viewer) -> None:
    """Show three planes, or one again."""
    context_of(viewer).layouts.toggle("planes")


def toggle_surfaces(viewer: napari.viewer.Viewer) -> None:
    """Show lesions and brain in 3-D beside the three planes, or the curves again."""
    context_of(viewer).layouts.toggle_surfaces()


def toggle_side_by_side(viewer: napari.viewer.Viewer) -> None:
    """Show scan, healthy prediction and map side by side, or one canvas again."""
    context_of(viewer).layouts.toggle("side_by_side")


def next_slice(viewer: napari.viewer.Viewer) -> None:
    """Go one slice toward superior, anterior or left."""
    _move_slice(viewer, 1)


def previous_slice(viewer: napari.viewer.Viewer) -> None:
    """Go one slice toward inferior, posterior or right."""
    _move_slice(viewer, -1)


def _move_slice(viewer: napari.viewer.Viewer, by: int) -> None:
    if has_slices(viewer):
        move_slice(viewer, by, context_of(viewer).layouts.axis_in_hand)
        return
    # Without a scan the key moves the slider that was used last, as it does in napari.
    dims = viewer.dims
    if dims.last_used not in dims.displayed and dims.last_used < dims.ndim:
        dims.set_current_step(dims.last_used, dims.current_step[dims.last_used] + by)


def hide_overlays(viewer: napari.viewer.Viewer) -> Generator[None]:
    """Hide all but the scans while the key is held; a brush rests, as it does in napari."""
    with hidden_overlays(viewer), context_of(viewer).measured.hidden():
        yield


def lens_on_prediction(viewer: napari.viewer.Viewer) -> Generator[None]:
    """Show the healthy prediction in a circle round the pointer while the key is held."""
    with context_of(viewer).lens.held("healthy"):
        yield


def lens_on_map(viewer: napari.viewer.Viewer) -> Generator[None]:
    """Show the anomaly map in a circle round the pointer while the key is held."""
    with context_of(viewer).lens.held("map"):
        yield


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


def next_lesion(viewer: napari.viewer.Viewer) -> None:
    """Go to the next lesion of the table."""
    walk_lesions(viewer, context_of(viewer).session, 1)


def previous_lesion(viewer: napari.viewer.Viewer) -> None:
    """Go to the previous lesion of the table."""
    walk_lesions(viewer, context_of(viewer).session, -1)


def accept_lesion(viewer: napari.viewer.Viewer) -> None:
    """Accept the selected lesion, or take that back."""
    toggle_verdict(context_of(viewer).session, "accepted")


def reject_lesion(viewer: napari.viewer.Viewer) -> None:
    """Reject the selected lesion, or take that back."""
    toggle_verdict(context_of(viewer).session, "rejected")


def add_by_click(viewer: napari.viewer.Viewer) -> None:
    """Let clicks in the canvas add lesions to the mask, or end that."""
    tools = context_of(viewer).tools
    tools.arm(None if tools.armed == "add" else "add")


def remove_by_click(viewer: napari.viewer.Viewer) -> None:
    """Let clicks in the canvas remove lesions from the mask, or end that."""
    tools = context_of(viewer).tools
    tools.arm(None if tools.armed == "remove" else "remove")


def grow_mask(viewer: napari.viewer.Viewer) -> None:
    """Grow the selected lesion, or the mask."""
    context_of(viewer).tools.grow()


def shrink_mask(viewer: napari.viewer.Viewer) -> None:
    """Shrink the selected lesion, or the mask."""
    context_of(viewer).tools.shrink()


def interpolate_mask(viewer: napari.viewer.Viewer) -> None:
    """Fill the empty slices between painted ones."""
    context_of(viewer).tools.interpolate()


def draw_rulers(viewer: napari.viewer.Viewer) -> None:
    """Let drags in the canvas draw rulers, or end that."""
    context_of(viewer).measure.toggle("ruler")


def draw_ellipses(viewer: napari.viewer.Viewer) -> None:
    """Let drags in the canvas draw ellipses, or end that."""
    context_of(viewer).measure.toggle("ellipse")


def draw_rectangles(viewer: napari.viewer.Viewer) -> None:
    """Let drags in the canvas draw rectangles, or end that."""
    context_of(viewer).measure.toggle("rectangle")


def delete_measurement(viewer: napari.viewer.Viewer) -> None:
    """Delete the selected measurement."""
    measurements = context_of(viewer).session.measurements
    measurements.remove(measurements.selected)


def undo_measurement(viewer: napari.viewer.Viewer) -> None:
    """Take back the last change of the measurements."""
    context_of(viewer).session.measurements.undo()


def next_case(viewer: napari.viewer.Viewer) -> None:
    """Open the next case of the worklist."""
    context_of(viewer).cases.walk(1)


def previous_case(viewer: napari.viewer.Viewer) -> None:
    """Open the previous case of the worklist."""
    context_of(viewer).cases.walk(-1)


def toggle_reviewed(viewer: napari.viewer.Viewer) -> None:
    """Say that the open case is reviewed, or take that back."""
    context_of(viewer).cases.toggle_reviewed()


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


def explain(viewer: napari.viewer.Viewer) -> QDialog:
    """Show the page "What am I seeing?" in a non-modal window."""
    dialog = ExplanationDialog()
    dialog.show()
    return dialog


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("Q", "Three planes with a crosshair, and back", toggle_planes),
    Shortcut("Shift+Q", "Lesions and brain in 3-D beside the planes, and back", toggle_surfaces),
    Shortcut("G", "Scan, healthy prediction and map side by side, and back", toggle_side_by_side),
    Shortcut("8", "Axial slices", show_axial),
    Shortcut("9", "Coronal slices", show_coronal),
    Shortcut("0", "Sagittal slices", show_sagittal),
    Shortcut("Up", _NEXT, next_slice),
    Shortcut("Right", _NEXT, next_slice, "napari:increment_dims_right"),
    Shortcut("PageUp", _NEXT, next_slice, repeats=True),
    Shortcut("Down", _PREVIOUS, previous_slice),
    Shortcut("Left", _PREVIOUS, previous_slice, "napari:increment_dims_left"),
    Shortcut("PageDown", _PREVIOUS, previous_slice, repeats=True),
    Shortcut(
        "Space",
        "Hide all but the scans while the key is held",
        hide_overlays,
        "napari:hold_for_pan_zoom",
    ),
    Shortcut(
        "F5",
        "Lens: the healthy prediction round the pointer while the key is held; Ctrl or Shift and "
        "the wheel change its radius",
        lens_on_prediction,
    ),
    Shortcut("Shift+F5", "Lens: the anomaly map round the pointer", lens_on_map),
    Shortcut("W", "Next window: brain, narrow, full range", next_window),
    Shortcut(
        "H", "Hide or show the anomaly map, the step maps and the mask preview", toggle_results
    ),
    Shortcut("N", "Next lesion", next_lesion),
    Shortcut("U", "Previous lesion", previous_lesion),
    Shortcut("F2", "Accept the selected lesion, or take that back", accept_lesion),
    Shortcut("F3", "Reject the selected lesion, or take that back", reject_lesion),
    Shortcut("F4", "Add lesions by a click, or end that", add_by_click),
    Shortcut("F6", "Remove lesions by a click, or end that", remove_by_click),
    Shortcut("F7", "Grow the selected lesion, or the mask", grow_mask),
    Shortcut("F8", "Shrink the selected lesion, or the mask", shrink_mask),
    Shortcut("F9", "Fill the slices between painted ones", interpolate_mask),
    Shortcut("Shift+M", "Ruler: drag to measure a length, or end that", draw_rulers),
    Shortcut("Shift+E", "Ellipse: drag to measure the values in it, or end that", draw_ellipses),
    Shortcut(
        "Shift+B", "Rectangle: drag to measure the values in it, or end that", draw_rectangles
    ),
    Shortcut("Shift+D", "Delete the selected measurement", delete_measurement),
    Shortcut("Shift+Z", "Take back the last change of the measurements", undo_measurement),
    Shortcut("Shift+N", "Next case of the worklist", next_case),
    Shortcut("Shift+U", "Previous case of the worklist", previous_case),
    Shortcut("Shift+R", "The open case is reviewed, or not yet", toggle_reviewed),
    Shortcut("J", "Previous step of the forward process", previous_step, repeats=True),
    Shortcut("K", "Next step of the forward process", next_step, repeats=True),
    Shortcut(",", "First slice of an unhealthy range, in the Label panel", mark_first),
    Shortcut(".", "Last slice of an unhealthy range, in the Label panel", mark_last),
    Shortcut("F1", "Show this table", show_shortcuts),
    Shortcut("F12", "What am I seeing? Explain each part of the window", explain),
)


KEYS: dict[str, str] = {shortcut.action.__name__: shortcut.key for shortcut in SHORTCUTS}
"""The key of each action, by the name of its function, for tooltips."""


def free_keys() -> frozenset[str]:
    """Return the keys of the table that the user has not assigned to an action of napari."""
    from napari.settings import get_settings

    assigned = get_settings().shortcuts.shortcuts
    return frozenset(
        shortcut.key
        for shortcut in SHORTCUTS
        if not any(
            str(key) == shortcut.key and action != shortcut.instead_of
            for action, keys in assigned.items()
            for key in keys
        )
    )


def rows(free: frozenset[str]) -> list[tuple[str, str]]:
    """Return key and description of each shortcut, and the mouse's part, for the help."""
    keys: dict[str, list[str]] = {}
    for shortcut in SHORTCUTS:
        shown = shortcut.key if shortcut.key in free else "(used by napari)"
        keys.setdefault(shortcut.does, []).append(shown)
    return [*((", ".join(shown), does) for does, shown in keys.items()), *MOUSE]


def bind_shortcuts(viewer: napari.viewer.Viewer) -> None:
    """Bind the keys of the table, except those assigned to an action of napari."""
    free = free_keys()
    for shortcut in SHORTCUTS:
        if shortcut.key in free:
            viewer.bind_key(shortcut.key, shortcut.action, overwrite=True)


def repeat_held_keys(viewer: napari.viewer.Viewer) -> None:
    """Repeat the actions of the table that repeat, on the viewer's window."""
    mine, free = weakref.ref(viewer), free_keys()

    def act(action: Action) -> None:
        if (viewer := mine()) is not None:
            action(viewer)

    held = {
        shortcut.key: partial(act, shortcut.action)
        for shortcut in SHORTCUTS
        if shortcut.repeats and shortcut.key in free
    }
    window, canvas = main_window(viewer), Central(viewer).canvas
    HeldKeys(held, window).watch(window, canvas, canvas.canvas.native)
