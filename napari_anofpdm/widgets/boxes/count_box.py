"""`CountBox`: a whole number with a separator between thousands."""

from __future__ import annotations

from qtpy.QtCore import QLocale
from qtpy.QtWidgets import QSpinBox, QWidget


class CountBox(QSpinBox):
    """A spin box that shows 210000 as 210,000, in the spelling of the user's language.

    It extends Qt's spin box because that of magicgui, superqt's, knows no separators.

    Parameters
    ----------
    value : int
    low, high : int
        Range, inclusive.
    parent : QWidget, optional
    """

    def __init__(self, value: int, low: int, high: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        locale = self.locale()
        # Without a language, in the locale C, Qt leaves separators out unless told otherwise.
        omit = QLocale.NumberOption.OmitGroupSeparator
        locale.setNumberOptions(locale.numberOptions() & ~omit)
        self.setLocale(locale)
        self.setGroupSeparatorShown(True)
        self.setRange(low, high)
        self.setValue(value)
