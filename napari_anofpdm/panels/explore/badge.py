"""`Badge`: are the settings the calibration's own, and if not, in what they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_anofpdm.session.setting_words import differences_in_words, rule_words

if TYPE_CHECKING:
    from anofpdm import Analysis, Settings


class Badge(QWidget):
    """One line on the settings, and the button that takes them back."""

    reset = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.button = QPushButton("Reset")
        self.button.setToolTip("Take back every setting to what the model asks for.")
        self.button.clicked.connect(lambda: self.reset.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)

    def show_settings(self, analysis: Analysis, settings: Settings, own: Settings) -> None:
        """Compare settings with the model's own."""
        words = badge_words(analysis, settings, own)
        self.text.setText(words)
        self.button.setEnabled(settings != own)


def badge_words(analysis: Analysis, settings: Settings, own: Settings) -> str:
    """Say whether the settings are the calibration's, and what differs.

    Parameters
    ----------
    analysis : Analysis
        Names the model and its calibration.
    settings, own : Settings
        The current ones, and those that the model asks for.
    """
    bundle, calibration = analysis.metadata.bundle, analysis.calibration
    differences = differences_in_words(settings, own, calibration)
    changed = f"Changed: {'; '.join(differences)}."
    if calibration is None:
        found = f"{bundle.name} is not calibrated: nothing is known of its healthy slices"
        if not differences:
            return f"{found}; the mask comes from a {rule_words(settings.threshold)}."
        return f"{found}. {changed}"
    from anofpdm.method.calibration import chosen_grid

    calibrated, walked = chosen_grid(calibration), analysis.grid
    doubt = ""
    if walked != calibrated:
        doubt = (
            f" But the model was calibrated with {calibrated}, and this analysis has {walked}: "
            "the thresholds may not fit."
        )
    if not differences:
        guidance = f"w\u00a0=\u00a0{settings.guidance:g}"
        return f"As calibrated for {bundle.name} {bundle.version} ({guidance}).{doubt}"
    return f"Not as calibrated. {changed}{doubt}"
