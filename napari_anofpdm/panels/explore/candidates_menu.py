"""`CandidatesMenu`: the guidances that the calibration tried, to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QToolButton

if TYPE_CHECKING:
    from anofpdm.method.calibration import Calibration, Candidate


class CandidatesMenu(QToolButton):
    """A button with a menu of the candidates; hidden if there are none."""

    chosen = Signal(float)
    """The guidance of the chosen candidate."""

    def __init__(self) -> None:
        super().__init__()
        self.setText("▾")
        self.setAccessibleName("Guidances tried")
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.setToolTip(
            "The guidances that the calibration tried, marked below the slider, each with its "
            "share of correctly classified slices."
        )
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setMenu(QMenu(self))
        self.hide()

    def set_calibration(self, calibration: Calibration | None) -> None:
        """Offer the candidates of a calibration."""
        menu = self.menu()
        assert menu is not None
        menu.clear()
        candidates = () if calibration is None else calibration.candidates
        for candidate in candidates:
            assert calibration is not None
            action = menu.addAction(candidate_words(candidate, calibration))
            assert action is not None
            action.triggered.connect(lambda _, w=candidate.guidance: self.chosen.emit(w))
        self.setVisible(bool(candidates))


def candidate_words(candidate: Candidate, calibration: Calibration) -> str:
    """Describe the accuracy of a candidate of the guidance selection."""
    chosen = ", calibrated" if candidate.guidance == calibration.guidance else ""
    right = "balanced accuracy" if calibration.criterion == "balanced" else "of slices correct"
    return f"w = {candidate.guidance:g}: {candidate.rule_accuracy:.1%} {right}{chosen}"
