"""`ChoiceBox`: a drop-down list of named choices, each with its explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_anofpdm.widgets.wheel_guard import WheelGuard


class ChoiceBox(QComboBox):
    """A drop-down list; `chosen` is emitted for the user's choice, not for `set_key`.

    Parameters
    ----------
    words : mapping of str to (str, str)
        Display name and explanation of each key.
    """

    chosen = Signal(str)

    def __init__(self, words: Mapping[Any, tuple[str, str]]) -> None:
        super().__init__()
        for key, (name, explanation) in words.items():
            self.addItem(name, key)
            self.setItemData(self.count() - 1, explanation, Qt.ItemDataRole.ToolTipRole)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # Long entries must not widen the panel; the open list may be wider than the box.
        self.setMinimumContentsLength(8)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.installEventFilter(WheelGuard(self))
        self.currentIndexChanged.connect(lambda: self.chosen.emit(self.key))

    @property
    def key(self) -> str:
        """The key of the choice shown."""
        return str(self.currentData())

    def set_key(self, key: str) -> None:
        """Select a choice without emitting `chosen`."""
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findData(key))

    def set_available(self, key: str, available: bool, explanation: str) -> None:
        """Enable or disable a choice, with the explanation as its tooltip."""
        model = self.model()
        assert isinstance(model, QStandardItemModel)
        item = model.item(self.findData(key))
        assert item is not None
        item.setEnabled(available)
        item.setToolTip(explanation)
