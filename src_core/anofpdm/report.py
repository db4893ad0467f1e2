"""The report of a segmentation: what was done, with what, and what was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

if TYPE_CHECKING:
    from anofpdm.analysis import Analysis
    from anofpdm.interpretation import Interpretation
    from anofpdm.results import NativeResult

FORMAT_VERSION = 1
INTENDED_USE = "Research use only; not a medical device."


def build_report(
    analysis: Analysis,
    interpretation: Interpretation,
    native: NativeResult,
    *,
    seconds: float,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Gather the report; every value can be written as JSON (not-a-number becomes null).

    Parameters
    ----------
    analysis, interpretation, native
        The result, on the network's grid and on the scan's.
    seconds : float
        Wall-clock time of the command.
    warnings : sequence of str
        What the user was told.

    Returns
    -------
    dict
        Bundle and sources, how the analysis ran, settings, lesions (ml), and for each slice its
        index, cosine, verdict, threshold, and t_e, M_te and quantile of each modality.
    """
    metadata = analysis.metadata
    bundle = metadata.bundle
    report: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "intended_use": INTENDED_USE,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "bundle": {
            "name": bundle.name,
            "version": bundle.version,
            "hash": metadata.bundle_hash,
            "calibrated": bundle.calibration is not None,
        },
        "sources": [source.model_dump(mode="json") for source in metadata.sources],
        "analysis": {
            "process": metadata.process,
            "timesteps": list(metadata.timesteps),
            "clip": metadata.clip,
            "seed": metadata.seed,
            "precision": metadata.precision,
            "device": metadata.device,
            "versions": dict(metadata.versions),
            "created": metadata.created,
            "seconds": metadata.seconds,
        },
        "settings": interpretation.settings.model_dump(mode="json"),
        "lesions": lesions_of(native.mask, np.array(analysis.geometry.affine)),
        "slices": slices_of(interpretation),
        "warnings": list(warnings),
    }
    plain: dict[str, Any] = _plain(report)
    return plain


def lesions_of(mask: NDArray[np.uint8], affine: NDArray[np.float64]) -> dict[str, Any]:
    """Volume of the mask and of each of its 26-connected components, largest first.

    Parameters
    ----------
    mask : ndarray, shape (i, j, k)
        0 and 1.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.

    Returns
    -------
    dict
        `volume_ml`, `voxels`, `voxel_volume_ml`, and `components`: each with `volume_ml`, `voxels`
        and `centre_mm` (RAS).
    """
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000.0
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3), dtype=bool))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    centres = np.reshape(ndimage.center_of_mass(mask, labels, range(1, count + 1)), (count, 3))
    places = centres @ affine[:3, :3].T + affine[:3, 3]
    components = [
        {
            "volume_ml": float(sizes[i] * voxel_ml),
            "voxels": int(sizes[i]),
            "centre_mm": [round(float(x), 2) for x in places[i]],
        }
        for i in np.argsort(-sizes, kind="stable")
    ]
    total = int(sizes.sum())
    return {
        "volume_ml": total * voxel_ml,
        "voxels": total,
        "voxel_volume_ml": voxel_ml,
        "components": components,
    }


def slices_of(interpretation: Interpretation) -> list[dict[str, Any]]:
    """One entry a slice; `index` counts axial slices from the feet up."""
    return [
        {
            "index": int(interpretation.slice_ids[s]),
            "cosine": float(interpretation.cosine[s]),
            "healthy": bool(interpretation.healthy[s]),
            "threshold": float(interpretation.threshold[s]),
            "modalities": {
                modality: {
                    "t_e": int(interpretation.end_step[s, c]),
                    "M_te": float(interpretation.divergence_at_end[s, c]),
                    "quantile": float(interpretation.quantile[s, c]),
                }
                for c, modality in enumerate(interpretation.modalities)
            },
        }
        for s in range(len(interpretation.slice_ids))
    ]


def _plain(value: Any) -> Any:
    """Tuples to lists and not-a-number to null, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
