"""`Badge`: shows whether the settings match the calibration, and how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_anofpdm.panels.explore.setting_differences import differences_in_words

if TYPE_CHECKING:
    from anofpdm import Analysis, Settings


class Badge(QWidget):
    """One line about the settings, and a button that resets them."""

    reset = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.button = QPushButton("Reset")
        self.button.setToolTip("Reset all settings to the model's own.")
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
    """Return whether the settings match the calibration, and what differs.

    Parameters
    ----------
    analysis : Analysis
        Names the model and its calibration.
    settings, own : Settings
        The current settings, and the model's own.
    """
    bundle, calibration = analysis.metadata.bundle, analysis.calibration
    differences = differences_in_words(settings, own, calibration)
    changed = f"Changed: {'; '.join(differences)}."
    if calibration is None:
        found = f"{bundle.name} is not calibrated"
        if not differences:
            from anofpdm.method.settings_words import threshold_words

            return f"{found}; masks use {threshold_words(settings.threshold)}."
        return f"{found}. {changed}"
    from anofpdm.method.calibration import chosen_grid

    calibrated, walked = chosen_grid(calibration), analysis.grid
    doubt = ""
    if walked != calibrated:
        doubt = (
            f" The model was calibrated with {calibrated}, but this analysis has {walked}: "
            "the thresholds may not apply."
        )
    if not differences:
        guidance = f"w\u00a0=\u00a0{settings.guidance:g}"
        return f"As calibrated for {bundle.name} {bundle.version} ({guidance}).{doubt}"
    return f"Not as calibrated. {changed}{doubt}"
