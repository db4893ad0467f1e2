"""`ScanFields`: choose the layers of the model's scans and of the brain mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.layer_guess import guess_brain_mask, guess_scan
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.panels.analyse.brain_extractor import BrainExtractor
from napari_anofpdm.space.layer_volume import volume_of
from napari_anofpdm.widgets.boxes.layer_box import LayerBox
from napari_anofpdm.widgets.field import Field

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

    from anofpdm import Volume


@dataclass(frozen=True, eq=False)
class Scans:
    """The input of an analysis.

    Attributes
    ----------
    volumes : dict of str to Volume
        One per modality, all on one grid.
    brain_mask : Volume or None
        On the same grid.
    layers : tuple of Layer
        Layers of the volumes and the mask; the first modality's layer is first.
    """

    volumes: dict[str, Volume]
    brain_mask: Volume | None
    layers: tuple[Layer, ...]


class ScanFields(QWidget):
    """One list of layers per modality, and one for the brain mask.

    Parameters
    ----------
    viewer : napari.viewer.Viewer

    Attributes
    ----------
    changed : Signal()
        The choice, or a chosen layer, has changed.
    scans : Scans or None
        The chosen scans, or None while something is missing or wrong.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.fields: dict[str, Field] = {}
        self.boxes: dict[str, LayerBox] = {}
        self.scans: Scans | None = None
        self._modality_rows = QVBoxLayout()
        self._modality_rows.setContentsMargins(0, 0, 0, 0)
        self.mask_box = LayerBox("none")
        self.mask_field = Field(
            "Brain mask",
            self.mask_box,
            "A labels layer that is not 0 inside the brain. Without one, every voxel brighter "
            "than the background counts as brain, which suits brain-extracted scans.",
        )
        self.brain = BrainExtractor(viewer, self._first_layer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._modality_rows)
        column.addWidget(self.mask_field)
        column.addWidget(self.brain)
        self.mask_box.chosen.connect(lambda _: self.check())
        events = viewer.layers.events
        listen(
            self,
            [(e, self.refresh) for e in (events.inserted, events.removed, events.renamed)],
        )

    def set_modalities(self, modalities: tuple[str, ...]) -> None:
        """Show one row for each modality that the model reads."""
        if tuple(self.fields) != modalities:
            for field in self.fields.values():
                self._modality_rows.removeWidget(field)
                field.deleteLater()
            self.fields, self.boxes = {}, {}
            for modality in modalities:
                self._add_row(modality)
        self.refresh()

    def refresh(self, _: object = None) -> None:
        """List the current layers, and guess the layer of each field."""
        images, masks = self._candidates()
        names = [layer.name for layer in images]
        for modality, box in self.boxes.items():
            box.offer(images, guess_scan(names, modality))
        self.mask_box.offer(masks, guess_brain_mask([layer.name for layer in masks]))
        self.check()

    def take(self, replaced: Sequence[tuple[Layer, Layer]], brain_mask: Layer | None) -> None:
        """Choose prepared scans in place of those they were made from, and the brain mask.

        Parameters
        ----------
        replaced : sequence of (Layer, Layer)
            A scan, and the prepared one.
        brain_mask : Layer or None
        """
        for box in self.boxes.values():
            for former, prepared in replaced:
                if box.layer == former:
                    box.choose(prepared)
        if brain_mask is not None:
            self.mask_box.choose(brain_mask)

    def check(self) -> None:
        """Read the chosen layers; show errors in their fields."""
        volumes: dict[str, Volume] = {}
        layers: list[Layer] = []
        for modality, box in self.boxes.items():
            volume = self._read(self.fields[modality], box, modality, volumes, layers)
            if volume is not None:
                volumes[modality] = volume
        self._refuse_twice()
        mask = self._read(self.mask_field, self.mask_box, None, volumes, layers)
        rows = [*self.fields.values(), self.mask_field]
        complete = len(volumes) == len(self.fields) > 0
        self.scans = None
        if complete and not any(row.is_wrong for row in rows):
            self.scans = Scans(volumes, mask, tuple(layers))
        self.brain.refresh()
        self.changed.emit()

    def all_fields(self) -> list[Field]:
        """Return every row."""
        return [*self.fields.values(), self.mask_field]

    def _first_layer(self) -> Layer | None:
        return next((box.layer for box in self.boxes.values()), None)

    def _add_row(self, modality: str) -> None:
        name = modality.upper()
        box = LayerBox(f"Choose the {name} scan")
        box.chosen.connect(lambda _: self.check())
        tooltip = f"The layer that holds the {name} scan, guessed from the layers' names."
        self.boxes[modality], self.fields[modality] = box, Field(name, box, tooltip)
        self._modality_rows.addWidget(self.fields[modality])

    def _candidates(self) -> tuple[list[Layer], list[Layer]]:
        from napari.layers import Image, Labels

        ours = [layer for layer in self._viewer.layers if ROLE not in layer.metadata]
        images = [layer for layer in ours if isinstance(layer, Image) and not layer.rgb]
        return images, [layer for layer in ours if isinstance(layer, Labels)]

    def _read(
        self,
        field: Field,
        box: LayerBox,
        modality: str | None,
        others: dict[str, Volume],
        layers: list[Layer],
    ) -> Volume | None:
        """Read the layer in a box, on the grid of the others; show an error in the field."""
        from anofpdm.common.errors import AnofpdmError
        from anofpdm.scans.same_grid import on_grid_of

        layer = box.layer
        field.set_note("")
        if layer is None:
            return None
        try:
            volume = volume_of(layer, modality)
            for other in others.values():
                on_grid_of(other, volume)
        except AnofpdmError as error:
            field.set_note(str(error), wrong=True)
            return None
        layers.append(layer)
        return volume

    def _refuse_twice(self) -> None:
        chosen = [box.layer for box in self.boxes.values() if box.layer is not None]
        for modality, box in self.boxes.items():
            if sum(each == box.layer for each in chosen) > 1:
                self.fields[modality].set_note("This layer is chosen for two scans.", wrong=True)
