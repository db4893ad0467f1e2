"""Sample data: synthetic subjects, made on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from napari_anofpdm.placement import WORLD_AXES, WORLD_UNITS, place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from anofpdm import Volume

LayerData = tuple["NDArray[np.generic]", dict[str, Any], Literal["image", "labels"]]

# Outside the seeds below 500000 that the bundled model was trained and tuned on.
_PATIENT_SEED = 700_001
_HEALTHY_SEED = 700_002


def phantom_patient() -> list[LayerData]:
    """Make a synthetic FLAIR scan with lesions.

    Returns
    -------
    list of napari layer-data tuples
        The scan as an image and its true lesions as labels, axes (S, P, L) in mm.
    """
    return _phantom_layers(_PATIENT_SEED, healthy=False)


def phantom_healthy() -> list[LayerData]:
    """Make a synthetic FLAIR scan without lesions.

    Returns
    -------
    list of napari layer-data tuples
        The scan as an image and an empty lesion mask as labels, axes (S, P, L) in mm.
    """
    return _phantom_layers(_HEALTHY_SEED, healthy=True)


def _phantom_layers(seed: int, *, healthy: bool) -> list[LayerData]:
    from anofpdm import make_phantom

    phantom = make_phantom(seed, healthy=healthy)
    layers: list[LayerData] = [
        _layer(volume, f"{modality} (synthetic)", "image")
        for modality, volume in phantom.volumes.items()
    ]
    return [*layers, _layer(phantom.lesion, "lesion (truth)", "labels")]


def _layer(volume: Volume, name: str, kind: Literal["image", "labels"]) -> LayerData:
    placed = place(volume)
    attributes = {
        "name": name,
        "scale": placed.scale,
        "translate": placed.translate,
        "axis_labels": WORLD_AXES,
        "units": WORLD_UNITS,
        "metadata": {"affine": volume.affine},
    }
    return placed.data, attributes, kind
