"""`SaveButton`: saves the figure of the slice in view, and the curves of all slices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_anofpdm.host.notify import show_failure, show_info, show_warning
from napari_anofpdm.widgets.save_dialog import ask_where_to_save

if TYPE_CHECKING:
    from napari_anofpdm.session.session import Session

_TOOLTIP = (
    "Save the plots of the slice in view as a figure (SVG or PNG),\n"
    "or the curves of all computed slices as numbers (CSV)."
)
FIGURE_FILTER = "SVG picture (*.svg);;PNG picture (*.png)"
CURVES_FILTER = "CSV table (*.csv)"


class SaveButton(QPushButton):
    """A button with a menu of what can be saved.

    Parameters
    ----------
    session : Session
        The session whose results are saved.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Save", parent)
        self.setToolTip(_TOOLTIP)
        self._session = session
        menu = QMenu(self)
        self.figure_action = menu.addAction("Figure of this slice…", self.save_figure)
        self.curves_action = menu.addAction("Curves of all slices…", self.save_curves)
        self.setMenu(menu)

    def save_figure(self) -> None:
        """Ask for a file, and save the plots of the slice in view."""
        from napari_anofpdm.panels.curves.curve_figure import save_figure
        from napari_anofpdm.plots.slice_row import slice_row

        session = self._session
        analysis, result, position = session.analysis, session.slice_result, session.position
        if analysis is None or result is None:
            show_warning("The slice in view has no curves yet; go to a computed slice.")
            return
        row = slice_row(analysis, session.volume_result, session.measured)
        self._save(
            f"slice_{int(result.slice_ids[0])}.svg",
            FIGURE_FILTER,
            lambda path, overwrite: save_figure(
                path, analysis, result, position, row, overwrite=overwrite
            ),
        )

    def save_curves(self) -> None:
        """Ask for a file, and save the curves of all computed slices."""
        from napari_anofpdm.panels.curves.curve_files import save_curves

        analysis, result = self._session.analysis, self._session.volume_result
        if analysis is None or result is None:
            show_warning("There are no curves yet; run an analysis or open a stored one first.")
            return
        if not self._session.is_current:
            show_warning("The slices are still being updated; try again in a moment.")
            return
        self._save(
            "curves.csv",
            CURVES_FILTER,
            lambda path, overwrite: save_curves(path, analysis, result, overwrite=overwrite),
        )

    def _save(self, name: str, filters: str, write: Callable[[Path, bool], None]) -> None:
        answer = ask_where_to_save(self.window(), "Save", name, filters)
        if answer is None:
            return
        path, replace = answer
        try:
            write(path, replace)
        except Exception as error:
            show_failure(error, "saving the curves")
        else:
            show_info(f"Saved {path}.")
