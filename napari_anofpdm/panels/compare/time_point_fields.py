"""`TimePointFields`: choose the layers of one examination."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_anofpdm.layers.layer_guess import contrasts_in
from napari_anofpdm.space.layer_volume import volume_of
from napari_anofpdm.widgets.boxes.layer_box import LayerBox
from napari_anofpdm.widgets.field import Field

if TYPE_CHECKING:
    from napari.layers import Layer

    from anofpdm import Volume


class TimePointFields(QWidget):
    """One list of scans per modality.

    Parameters
    ----------
    title : str
        Name of the examination.
    place : int
        Which of several scans of a modality is guessed, from 0 for the one opened first.

    Attributes
    ----------
    changed : Signal()
    volumes : dict of str to Volume or None
        By modality; None while a scan is missing or unusable.
    """

    changed = Signal()

    def __init__(self, title: str, place: int) -> None:
        super().__init__()
        self._title, self._place = title, place
        self.fields: dict[str, Field] = {}
        self.boxes: dict[str, LayerBox] = {}
        self.volumes: dict[str, Volume] | None = None
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)

    @property
    def layers(self) -> list[Layer]:
        """The layers chosen."""
        return [box.layer for box in self.boxes.values() if box.layer is not None]

    def set_modalities(self, modalities: Sequence[str]) -> None:
        """Show one row for each modality that the model reads."""
        if tuple(self.fields) == tuple(modalities):
            return
        for field in self.fields.values():
            self._rows.removeWidget(field)
            field.deleteLater()
        self.fields, self.boxes = {}, {}
        for modality in modalities:
            name = self._title if len(modalities) == 1 else f"{self._title} {modality.upper()}"
            box = LayerBox(f"Choose the {modality.upper()} scan")
            box.chosen.connect(lambda _: self.check())
            tooltip = f"The layer of the {modality.upper()} scan."
            self.boxes[modality], self.fields[modality] = box, Field(name, box, tooltip)
            self._rows.addWidget(self.fields[modality])

    def offer(self, scans: Sequence[Layer]) -> None:
        """List scans in the order in which they were opened, and guess this examination's."""
        for modality, box in self.boxes.items():
            named = [contrasts_in(layer.name) for layer in scans]
            fit = [i for i, found in enumerate(named) if modality in found]
            unnamed = [i for i, found in enumerate(named) if not found]
            if len(self.boxes) == 1 and len(fit) <= self._place:
                fit = sorted([*fit, *unnamed])
            box.offer(scans, fit[self._place] if len(fit) > self._place else None)
        self.check()

    def check(self) -> None:
        """Read the chosen layers; show errors in their fields."""
        from anofpdm.common.errors import AnofpdmError

        volumes: dict[str, Volume] = {}
        for modality, box in self.boxes.items():
            self.fields[modality].set_note("")
            if box.layer is None:
                continue
            try:
                volumes[modality] = volume_of(box.layer, modality)
            except AnofpdmError as error:
                self.fields[modality].set_note(str(error), wrong=True)
        chosen = self.layers
        for modality, box in self.boxes.items():
            if box.layer is not None and sum(each == box.layer for each in chosen) > 1:
                self.fields[modality].set_note("This layer is chosen for two scans.", wrong=True)
        wrong = any(field.is_wrong for field in self.fields.values())
        complete = len(volumes) == len(self.boxes) > 0
        self.volumes = volumes if complete and not wrong else None
        self.changed.emit()
