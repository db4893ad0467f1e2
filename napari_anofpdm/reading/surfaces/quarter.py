"""`Quarter`: the fourth quarter of the three planes, with the curves or the surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTabWidget

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_anofpdm.reading.surfaces.view import SurfaceView


LEAST_PX = 150
"""Width of the smallest canvas."""


class Quarter(QTabWidget):
    """Two tabs.

    Parameters
    ----------
    curves : QWidget
    surfaces : SurfaceView
    """

    def __init__(self, curves: QWidget, surfaces: SurfaceView) -> None:
        super().__init__()
        self.setDocumentMode(True)
        # A row of buttons must not take the room of the canvases beside it.
        self.setMinimumWidth(LEAST_PX)
        self.surfaces = surfaces
        self.addTab(curves, "Curves")
        self.addTab(surfaces, "3-D")
        self.setTabToolTip(0, "The curves of the slice in view.")
        self.setTabToolTip(1, "Lesions and brain as surfaces.")

    def toggle(self) -> bool:
        """Change to the other tab; return whether the surfaces are shown."""
        self.show_surfaces(self.currentWidget() is not self.surfaces)
        return self.currentWidget() is self.surfaces

    def show_surfaces(self, shown: bool) -> None:
        """Show the surfaces, or the curves."""
        self.setCurrentIndex(1 if shown else 0)
