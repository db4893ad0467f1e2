"""What a figure shows, and how large: slices, columns, size and look."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from anofpdm.common.errors import SettingsError
from anofpdm.results.pictures.choosing import SliceChoice
from anofpdm.results.pictures.columns import Column
from anofpdm.results.pictures.planes import AXIS_ACROSS, Plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.results.pictures.content import Content

Ground = Literal["white", "black"]


@dataclass(frozen=True)
class FigureOptions:
    """What a figure shows, and how large.

    Attributes
    ----------
    slices : dict
        The slices of each plane that is shown.
    columns : tuple of Column
        Drawn for each slice, from left to right.
    width_cm : float
        2 to 100.
    dpi : int
        Of a PNG, and of the rows of pixels in the other formats where they are resampled;
        20 to 1200.
    ground : {"white", "black"}
        Colour of the page.
    title : str or None
        None takes the content's own; an empty one leaves it out.
    font_size : float
        In points, 4 to 30.
    window : tuple of float, optional
        Values of the scan that are black and white.
    map_max : float, optional
        Value of the map with the last colour.
    """

    slices: Mapping[Plane, SliceChoice] = field(
        default_factory=lambda: {"axial": SliceChoice("most", 3)}
    )
    columns: tuple[Column, ...] = (Column(), Column(map=True), Column(mask=True))
    width_cm: float = 17.0
    dpi: int = 300
    ground: Ground = "white"
    title: str | None = None
    font_size: float = 7.0
    window: tuple[float, float] | None = None
    map_max: float | None = None

    def __post_init__(self) -> None:
        """Refuse values that no page has."""
        limits: tuple[tuple[str, float, float, float], ...] = (
            ("width", self.width_cm, 2, 100),
            ("dpi", self.dpi, 20, 1200),
            ("font size", self.font_size, 4, 30),
        )
        for name, value, low, high in limits:
            if not low <= value <= high:
                raise SettingsError(
                    f"A figure's {name} lies between {low} and {high}; got {value:g}."
                )
        if self.window is not None and not self.window[0] < self.window[1]:
            low, high = self.window
            raise SettingsError(f"The window {low:g} to {high:g} is empty; give LOW,HIGH.")
        if self.map_max is not None and not 0 < self.map_max < math.inf:
            raise SettingsError(f"The map's last value is above 0; got {self.map_max:g}.")
        if not self.slices or not self.columns:
            raise SettingsError("A figure needs at least one plane and one column.")


def picked_slices(content: Content, options: FigureOptions) -> dict[Plane, list[int]]:
    """Return the slices of each plane that a figure shows.

    Raises
    ------
    SettingsError
        When the scan has no such slice.
    """
    found = {}
    for plane, choice in options.slices.items():
        marked: NDArray[Any] = np.zeros(content.slices(plane))
        head = (0, content.slices(plane) - 1)
        if choice.kind != "numbers":  # those of a film are chosen for each frame
            marked = content.marked(plane)
            head = head if marked.any() else _head(content, plane)
        found[plane] = choice.picked(marked, head, plane)
    return found


def _head(content: Content, plane: Plane) -> tuple[int, int]:
    """First and last slice that show the head."""
    others = tuple(axis for axis in range(3) if axis != AXIS_ACROSS[plane])
    used = np.flatnonzero((np.nan_to_num(content.scan) > 0).any(axis=others))
    return (int(used[0]), int(used[-1])) if used.size else (0, content.slices(plane) - 1)
