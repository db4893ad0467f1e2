"""`PointerTools`: what a click on a canvas does to lesions and mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_anofpdm.lesions.marks import LesionMarks
    from napari_anofpdm.lesions.mask_tools import MaskTools
    from napari_anofpdm.session.session import Session


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

    Attributes
    ----------
    select_change : callable
        Selects the lesion of a comparison at a point; returns whether there is one.
    """

    def __init__(self, session: Session, marks: LesionMarks, tools: MaskTools) -> None:
        self._session, self._marks, self._tools = session, marks, tools
        self.select_change: Callable[[Any], bool] = lambda _: False

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

    def turn(self, notches: float) -> bool:
        """Change the radius of *Add* by the wheel; return whether that tool is in hand."""
        if self._tools.armed != "add":
            return False
        self._tools.set_radius(self._tools.radius_mm + notches)
        return True
