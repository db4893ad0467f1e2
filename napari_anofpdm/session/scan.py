"""`Scan`: the examination that an analysis belongs to, known by identity."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Scan:
    """A scan in the viewer, or several of one head that were analysed together.

    Attributes
    ----------
    name : str
        What the user calls it: its layer's name.
    is_changed : bool
        Whether its voxels or its place changed after it was analysed.
    """

    name: str
    is_changed: bool = False
