"""`ScanList`: the scans in the viewer, with a tick for each that is to be prepared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem

if TYPE_CHECKING:
    from napari.layers import Layer

_LONGEST = 6  # rows, before it scrolls


class ScanList(QListWidget):
    """Layers by name; new ones are ticked, and ticks stay when the list changes.

    Attributes
    ----------
    changed : Signal()
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._layers: list[Layer] = []
        self.setAccessibleName("Scans of one head")
        self.setToolTip(
            "Tick the scans of one head; the space bar ticks the selected one. Prepared scans are\n"
            "not listed."
        )
        self.itemChanged.connect(lambda _: self.changed.emit())
        self.offer([])

    def offer(self, layers: Sequence[Layer]) -> None:
        """List layers, and tick those that were not listed before."""
        off = [
            layer for layer, ticked in zip(self._layers, self._ticks(), strict=True) if not ticked
        ]
        self._layers = list(layers)
        with QSignalBlocker(self):
            self.clear()
            for layer in layers:
                item = QListWidgetItem(layer.name)
                item.setFlags(
                    Qt.ItemFlag.ItemIsEnabled
                    | Qt.ItemFlag.ItemIsSelectable
                    | Qt.ItemFlag.ItemIsUserCheckable
                )
                state = Qt.CheckState.Unchecked if layer in off else Qt.CheckState.Checked
                item.setCheckState(state)
                self.addItem(item)
        rows = min(max(len(layers), 2), _LONGEST)
        height = max(self.sizeHintForRow(0), self.fontMetrics().height() + 4)
        self.setFixedHeight(rows * height + 2 * self.frameWidth() + 2)
        self.changed.emit()

    @property
    def ticked(self) -> list[Layer]:
        """The layers that are ticked, in the viewer's order."""
        return [layer for layer, on in zip(self._layers, self._ticks(), strict=True) if on]

    def tick(self, layer: Layer, on: bool) -> None:
        """Tick a layer, or clear its tick, as the user would."""
        item = self.item(self._layers.index(layer))
        assert item is not None
        item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def _ticks(self) -> list[bool]:
        items = [self.item(row) for row in range(self.count())]
        return [item is not None and item.checkState() == Qt.CheckState.Checked for item in items]
