"""The layers of prepared scans, named after the layers they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_anofpdm.preparation.records import note_preparation
from napari_anofpdm.space.layer_volume import layer_data

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from anofpdm import Volume
    from anofpdm.preprocessing.chain import PreparedScans
    from anofpdm.preprocessing.skull.extraction import BrainExtraction

_OUTLINE_PX = 1


@dataclass(frozen=True, eq=False)
class MadeLayers:
    """What a preparation added to the viewer.

    Attributes
    ----------
    fixed : Layer
        The scan whose voxels all have now, as prepared.
    replaced : tuple of (Layer, Layer)
        A scan and the prepared one that takes its place; unchanged scans are not among them.
    registered : tuple of Layer
        Those that were moved.
    brain_mask : Layer or None
    """

    fixed: Layer
    replaced: tuple[tuple[Layer, Layer], ...] = ()
    registered: tuple[Layer, ...] = ()
    brain_mask: Layer | None = None


def add_prepared(viewer: Viewer, layers: dict[str, Layer], ready: PreparedScans) -> MadeLayers:
    """Add the scans that were changed, and the brain mask, to a viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    layers : dict of str to Layer
        What each scan was made from, by its name in `ready`; the first kept its voxels.
    ready : PreparedScans
    """
    replaced: list[tuple[Layer, Layer]] = []
    registered: list[Layer] = []
    now = dict(layers)
    for name, layer in layers.items():
        record = _record_of(name, ready)
        if not record:
            continue
        now[name] = made = _add_scan(viewer, layer, ready.volumes[name], record)
        replaced.append((layer, made))
        if "registration" in record:
            registered.append(made)
    mask = None
    first = next(iter(layers))
    if ready.extracted and ready.brain_mask is not None:
        mask = add_brain_mask(
            viewer, ready.brain_mask, layers[first].name, ready.record["brain_extraction"]
        )
    return MadeLayers(now[first], tuple(replaced), tuple(registered), mask)


def add_extracted(viewer: Viewer, found: BrainExtraction, name: str) -> Labels:
    """Add the extracted brain of a layer of this name."""
    return add_brain_mask(viewer, found.mask, name, found.record)


def add_brain_mask(viewer: Viewer, mask: Volume, name: str, record: dict[str, Any]) -> Labels:
    """Add a brain mask that can be corrected with the brush, and the record of its extraction.

    It is an outline, so that the scan under it can be judged.
    """
    data, attributes, _ = layer_data(mask, f"{name} brain mask", "labels")
    note_preparation(attributes["metadata"], {"brain_extraction": record}, data)
    added: Labels = viewer.add_labels(data, **attributes, opacity=1.0)
    added.contour = _OUTLINE_PX
    return added


def _record_of(name: str, ready: PreparedScans) -> dict[str, Any]:
    """Return what was done to one scan's voxels."""
    record: dict[str, Any] = {}
    entries = dict(zip(ready.registrations, ready.record.get("registration", ()), strict=True))
    if name in entries:
        record["registration"] = [entries[name]]
    if "bias_field" in ready.record:
        own = ready.volumes[name].name
        record["bias_field"] = ready.record["bias_field"] | {"scans": [own]}
    return record


def _add_scan(viewer: Viewer, layer: Layer, volume: Volume, record: dict[str, Any]) -> Image:
    done = [
        *(["registered"] if "registration" in record else []),
        *(["corrected"] if "bias_field" in record else []),
    ]
    data, attributes, _ = layer_data(volume, f"{layer.name} {' and '.join(done)}", "image")
    note_preparation(attributes["metadata"], record, ())
    made: Image = viewer.add_image(data, **attributes, colormap=layer.colormap)
    layer.visible = False
    return made
