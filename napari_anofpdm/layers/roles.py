"""The role of a plugin layer, stored in its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari.layers import Layer

Role = Literal[
    "map",
    "fused",
    "sam",
    "healthy",
    "unguided",
    "preview",
    "mask",
    "lesions",
    "numbers",
    "checkerboard",
    "follow_up",
    "baseline_changes",
    "follow_up_changes",
]
ROLE = "anofpdm_role"
"""Key of a layer's metadata that holds its `Role`; other layers lack it."""
FOUND_KEY = "anofpdm_follow_up"
"""Key of a baseline's metadata that holds the comparison it was read with, until it is shown."""
FOLLOW_UP = "anofpdm_follow_up_scan"
"""Key of a follow-up's metadata that holds its `Volume`."""
SOURCES = "anofpdm_sources"
"""Key of a mask's metadata that holds the scans it was found in."""


def is_drawn(layer: Layer) -> bool:
    """Return whether the plugin draws a layer itself; a committed mask belongs to the user."""
    return bool(layer.metadata.get(ROLE, "mask") != "mask")


def is_mark(layer: Layer) -> bool:
    """Return whether a layer only marks lesions; such layers are not in napari's list."""
    return layer.metadata.get(ROLE) in ("lesions", "numbers")
