"""Sample data: synthetic subjects, generated on demand."""

from __future__ import annotations

from napari_anofpdm.space.layer_volume import LayerData, layer_data

# Outside the seeds below 500000 that the bundled model was trained and tuned on.
_PATIENT_SEED = 700_004
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
    layers = [
        layer_data(volume, f"{modality} (synthetic)", "image")
        for modality, volume in phantom.volumes.items()
    ]
    return [*layers, layer_data(phantom.lesion, "lesion (truth)", "labels")]
