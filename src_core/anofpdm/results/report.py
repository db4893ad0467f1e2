"""The report of a segmentation: inputs, settings and findings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anofpdm.results.review.verdicts import ReviewedLesions

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.results.lesions import Lesions
    from anofpdm.results.native import NativeResult
    from anofpdm.results.review.verdicts import Review

FORMAT_VERSION = 1
INTENDED_USE = "Research use only; not a medical device."


def build_report(
    analysis: Analysis,
    interpretation: Interpretation,
    native: NativeResult,
    *,
    seconds: float,
    warnings: Sequence[str] = (),
    reviewed: ReviewedLesions | None = None,
) -> dict[str, Any]:
    """Gather the report; every value can be written as JSON (not-a-number becomes null).

    Parameters
    ----------
    analysis, interpretation, native
        The result, on the network's grid and on the scan's.
    seconds : float
        Wall-clock time of the command.
    warnings : sequence of str
        The warnings shown to the user.
    reviewed : ReviewedLesions, optional
        All lesions that were found, with a reader's verdicts and notes; `native` is then without
        the rejected ones. By default the lesions of `native`, unreviewed.

    Returns
    -------
    dict
        Bundle, sources and their preparation, how the analysis ran, settings, lesions (ml), and for
        each slice its index, cosine, verdict, threshold, and t_e, M_te and quantile of each
        modality.
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
        "preparation": dict(metadata.preparation),
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
        "lesions": _lesions_of(reviewed or ReviewedLesions(native.lesions)),
        "slices": slices_of(interpretation),
        "warnings": list(warnings),
    }
    plain: dict[str, Any] = _plain(report)
    return plain


def lesions_of(lesions: Lesions, review: Review | None = None) -> dict[str, Any]:
    """Volume of the mask, and each of its lesions, largest first.

    Parameters
    ----------
    lesions : Lesions
    review : Review, optional
        A reader's verdicts and notes, by the numbers in `lesions`.

    Returns
    -------
    dict
        `volume_ml`, `voxels`, `voxel_volume_ml`, `components` and `rejected`. The components each
        have `number`, `volume_ml`, `voxels`, `diameter_mm`, `slices` (first and last, from the
        feet up), `peak` of the anomaly map, `centre_mm` (RAS), `verdict` and `note`. The rejected
        lesions are listed in the same way, numbered on from the last component; they are in no
        sum.
    """
    return _lesions_of(ReviewedLesions(lesions, review) if review else ReviewedLesions(lesions))


def _lesions_of(reviewed: ReviewedLesions) -> dict[str, Any]:
    kept, left_out = reviewed.kept, reviewed.left_out
    return {
        "volume_ml": kept.lesions.volume_ml,
        "voxels": kept.lesions.voxels,
        "voxel_volume_ml": kept.lesions.voxel_volume_ml,
        "components": _components(kept, 0),
        "rejected": _components(left_out, len(kept.lesions.table)),
    }


def _components(reviewed: ReviewedLesions, before: int) -> list[dict[str, Any]]:
    return [
        {
            "number": before + lesion.number,
            "volume_ml": lesion.volume_ml,
            "voxels": lesion.voxels,
            "diameter_mm": round(lesion.diameter_mm, 2),
            "slices": [lesion.first_slice, lesion.last_slice],
            "peak": lesion.peak,
            "centre_mm": [round(x, 2) for x in lesion.centre_mm],
            "verdict": reviewed.review.of(lesion.number).verdict,
            "note": reviewed.review.of(lesion.number).note,
        }
        for lesion in reviewed.lesions.table
    ]


def slices_of(interpretation: Interpretation) -> list[dict[str, Any]]:
    """One entry per slice; `index` counts axial slices from the feet up."""
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
