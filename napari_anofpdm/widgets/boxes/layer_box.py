"""`LayerBox`: a list of the viewer's layers to choose one from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker

from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox

if TYPE_CHECKING:
    from napari.layers import Layer

_NONE = "-1"


class LayerBox(ChoiceBox):
    """Layers by name; the user's choice is kept when the list changes.

    Parameters
    ----------
    none : str
        Text of the entry for no layer.
    """

    def __init__(self, none: str) -> None:
        super().__init__({})
        self._none = none
        self.setAccessibleName(none)
        self._layers: list[Layer] = []
        self._by_hand = False
        self.chosen.connect(self._note_hand)

    @property
    def layer(self) -> Layer | None:
        """The layer chosen."""
        index = int(self.key) if self.count() else -1
        return self._layers[index] if index >= 0 else None

    def offer(self, layers: Sequence[Layer], guess: int | None) -> None:
        """List layers; keep the user's choice while its layer is listed, else select the guess.

        Parameters
        ----------
        layers : sequence of Layer
        guess : int or None
            Index of the one to choose.
        """
        former = self.layer
        # napari returns a new proxy of a layer each time; proxies are equal, not identical.
        kept = [i for i, layer in enumerate(layers) if layer == former]
        if self._by_hand and former is not None and not kept:
            self._by_hand = False
        index = guess
        if self._by_hand:
            index = kept[0] if kept else None
        self._layers = list(layers)
        with QSignalBlocker(self):
            self.clear()
            self.addItem(self._none, _NONE)
            for i, layer in enumerate(layers):
                self.addItem(layer.name, str(i))
        self.set_key(_NONE if index is None else str(index))

    def choose(self, layer: Layer | None) -> None:
        """Select a layer as the user would."""
        index = next((i for i, each in enumerate(self._layers) if each == layer), -1)
        self.setCurrentIndex(index + 1)

    def _note_hand(self) -> None:
        self._by_hand = True
