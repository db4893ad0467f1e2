"""`ChoiceBox`: a drop-down list of named choices, each with its explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_anofpdm.widgets.wheel_guard import WheelGuard


class ChoiceBox(QComboBox):
    """A list of keys in words; `chosen` tells of the user's choice, never of `set_key`.

    Parameters
    ----------
    words : mapping of str to (str, str)
        For each key its name and its explanation.
    """

    chosen = Signal(str)

    def __init__(self, words: Mapping[Any, tuple[str, str]]) -> None:
        super().__init__()
        for key, (name, explanation) in words.items():
            self.addItem(name, key)
            self.setItemData(self.count() - 1, explanation, Qt.ItemDataRole.ToolTipRole)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # The list may be wider than the box, which must not widen the panel.
        self.setMinimumContentsLength(8)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.installEventFilter(WheelGuard(self))
        self.currentIndexChanged.connect(lambda: self.chosen.emit(self.key))

    @property
    def key(self) -> str:
        """The key of the choice shown."""
        return str(self.currentData())

    def set_key(self, key: str) -> None:
        """Show a choice; nothing is emitted."""
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findData(key))

    def set_available(self, key: str, available: bool, explanation: str) -> None:
        """Let a choice be taken or not, and say why."""
        model = self.model()
        assert isinstance(model, QStandardItemModel)
        item = model.item(self.findData(key))
        assert item is not None
        item.setEnabled(available)
        item.setToolTip(explanation)
