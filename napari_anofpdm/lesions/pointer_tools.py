"""`PointerTools`: what a click on a canvas does to lesions and mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from napari_anofpdm.lesions.marks import LesionMarks
    from napari_anofpdm.lesions.mask_tools import MaskTools
    from napari_anofpdm.session.session import Session


class Grip(Protocol):
    """A hold on a measurement while the button is down."""

    def move(self, position: Any) -> None:
        """Follow the pointer."""

    def release(self) -> None:
        """Let go."""


class Measuring(Protocol):
    """Draws and moves measurements."""

    def press(self, position: Any, axis: str | None, mm_per_px: float) -> Grip | None:
        """Take hold of a measurement, or begin one."""


class PointerTools:
    """Passes clicks and wheel to the tool in hand; without one, a click selects a lesion.

    All canvases of a viewer share it, so that a click does the same on each.

    Parameters
    ----------
    session : Session
    marks : LesionMarks
        Knows which lesion lies where.
    tools : MaskTools
        Adds and removes lesions.
    measuring : Measuring
        Draws and moves measurements.

    Attributes
    ----------
    select_change : callable
        Selects the lesion of a comparison at a point; returns whether there is one.
    turn_lens : callable
        Changes the radius of the lens by notches of the wheel; returns whether it is held.
    """

    def __init__(
        self, session: Session, marks: LesionMarks, tools: MaskTools, measuring: Measuring
    ) -> None:
        self._session, self._marks, self._tools = session, marks, tools
        self._measuring = measuring
        self.select_change: Callable[[Any], bool] = lambda _: False
        self.turn_lens: Callable[[float], bool] = lambda _: False

    def press(self, position: Any, axis: str | None, mm_per_px: float) -> Grip | None:
        """Take hold of a measurement under the pointer, or begin one.

        Parameters
        ----------
        position : sequence of float
            World coordinates; the last three are S, P, L in mm.
        axis : {"S", "P", "L"} or None
            Across the slices of the canvas.
        mm_per_px : float
            Of the canvas.

        Returns
        -------
        Grip or None
            None where the press does something else, as with another tool in hand.
        """
        if self._tools.armed is not None:
            return None
        return self._measuring.press(position, axis, mm_per_px)

    def click(self, position: Any) -> bool:
        """Use a click.

        Parameters
        ----------
        position : sequence of float
            World coordinates; the last three are S, P, L in mm.

        Returns
        -------
        bool
            Whether a tool in hand used it. After a selection the click may also go to the point.
        """
        if self._tools.armed is not None:
            self._tools.use_at(position)
            return True
        if self.select_change(position):
            return False
        number = self._marks.number_at(position)
        if number is not None:
            self._session.select_lesion(number)
        return False

    def turn(self, notches: float, *, shift: bool) -> bool:
        """Change the radius of the lens or, with Shift, of *Add* by the wheel.

        Returns
        -------
        bool
            Whether one of them is in hand.
        """
        if self.turn_lens(notches):
            return True
        if not shift or self._tools.armed != "add":
            return False
        self._tools.set_radius(self._tools.radius_mm + notches)
        return True
