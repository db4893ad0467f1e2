"""Whether a theme of napari is dark, and colours of warnings that are readable in it."""

from __future__ import annotations


def is_dark(theme: str) -> bool:
    """Return whether a theme of napari, by its name, is dark."""
    from napari.utils.theme import get_theme

    return bool(get_theme(theme).type == "dark")


def fault_colour(dark: bool) -> str:
    """Return the red for errors, "#rrggbb"."""
    return "#ff8a80" if dark else "#b3261e"


def doubt_colour(dark: bool) -> str:
    """Return the amber for warnings, "#rrggbb"."""
    return "#ffc266" if dark else "#7a4a00"
