"""What a guidance search found, for people and programs: guidance.json and guidance.png."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.atomic import atomic_path

if TYPE_CHECKING:
    from anofpdm.bundle import ModelBundle
    from anofpdm.datasets.slices import SliceDataset
    from anofpdm.guidance_choice import GuidanceReport

JSON_FILE = "guidance.json"
PICTURE_FILE = "guidance.png"
BINS = 40


def guidance_document(
    report: GuidanceReport,
    before: ModelBundle,
    calibrated: ModelBundle,
    dataset: SliceDataset,
    *,
    fraction: float,
    seed: int,
) -> dict[str, Any]:
    """Gather a search's outcome as JSON values.

    Parameters
    ----------
    report : GuidanceReport
        What was measured and chosen.
    before, calibrated : ModelBundle
        The bundle that was searched, and the new one.
    dataset : SliceDataset
        Where the slices come from.
    fraction, seed
        As given to `select_guidance`.

    Returns
    -------
    dict
        "chosen" (w*, Cos*, M_max, accuracy, AUROC and the counts of right and wrong at Cos*),
        "candidates", "roc" and "histogram" at w*, and "cosines" of the healthy and unhealthy slices
        at w*, beside what it was measured with. All of it is measured on the slices that chose.
    """
    calibration, row = report.calibration, chosen_row(report)
    cosine, unhealthy = report.cosines[row], report.labels == 1
    edges, counts = cosine_histogram(cosine, unhealthy)
    false_positive, true_positive, thresholds = roc(cosine, unhealthy)
    called = cosine <= calibration.cosine_threshold
    return {
        "bundle": {"name": before.name, "hash": before.hash},
        "calibrated_bundle": {"name": calibrated.name, "hash": calibrated.hash},
        "dataset": {"path": str(dataset.path), "fingerprint": dataset.fingerprint},
        "source": calibration.source,
        "slices": calibration.slices,
        "process": calibration.process,
        "steps": calibration.steps,
        "t_max": calibration.t_max,
        "seed": seed,
        "fraction": fraction,
        "scored": list(before.metadata.scored),
        "chosen": {
            "guidance": calibration.guidance,
            "cosine_threshold": calibration.cosine_threshold,
            "max_divergence": list(calibration.max_divergence),
            "accuracy": float(report.accuracies[row]),
            "auroc": auroc(cosine, unhealthy),
            "unhealthy_called_unhealthy": int((called & unhealthy).sum()),
            "unhealthy_called_healthy": int((~called & unhealthy).sum()),
            "healthy_called_healthy": int((~called & ~unhealthy).sum()),
            "healthy_called_unhealthy": int((called & ~unhealthy).sum()),
        },
        "candidates": [
            {**candidate.model_dump(mode="json"), "auroc": auroc(values, unhealthy)}
            for candidate, values in zip(calibration.candidates, report.cosines, strict=True)
        ],
        "histogram": {
            "cosine_edges": edges.tolist(),
            "healthy": counts[0].tolist(),
            "unhealthy": counts[1].tolist(),
        },
        "roc": {
            "false_positive_rate": false_positive.tolist(),
            "true_positive_rate": true_positive.tolist(),
            "cosine_threshold": thresholds.tolist(),
        },
        "cosines": {
            "healthy": cosine[~unhealthy].tolist(),
            "unhealthy": cosine[unhealthy].tolist(),
        },
    }


def write_guidance_report(folder: Path, document: dict[str, Any]) -> None:
    """Write guidance.json and guidance.png as a new folder, whole or not at all.

    Parameters
    ----------
    folder : Path
        A folder that does not exist yet.
    document : dict
        From `guidance_document`.

    Raises
    ------
    OutputError
        When it exists or cannot be written.
    """
    from anofpdm.guidance_figure import save_guidance_figure

    with atomic_path(folder) as pending:
        pending.mkdir()
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        (pending / JSON_FILE).write_text(text, encoding="utf-8")
        save_guidance_figure(pending / PICTURE_FILE, document)


def chosen_row(report: GuidanceReport) -> int:
    """Index of w* among the candidates."""
    return int(np.flatnonzero(report.candidates == report.calibration.guidance)[0])


def cosine_histogram(
    cosine: NDArray[np.float64], unhealthy: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Count slices by cosine in bins common to both classes.

    Returns
    -------
    edges : ndarray (BINS + 1,)
    counts : ndarray (2, BINS)
        Healthy, unhealthy.
    """
    low, high = float(cosine.min()), float(cosine.max())
    if high - low < 1e-9:
        low, high = low - 5e-10, low + 5e-10
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.histogram(cosine[kind], edges)[0] for kind in (~unhealthy, unhealthy)]
    return edges, np.array(counts)


def roc(
    cosine: NDArray[np.float64], unhealthy: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rates of healthy and unhealthy slices with a cosine at or below each threshold.

    Returns
    -------
    false_positive_rate, true_positive_rate, cosine_threshold : ndarray
        Of equal length, from the threshold that calls nothing unhealthy upward.
    """
    from sklearn.metrics import roc_curve

    false_positive, true_positive, scores = roc_curve(unhealthy, -cosine)
    # The first threshold is infinite by convention: no cosine lies below -1.
    thresholds = np.concatenate([[-1.0], -scores[1:]])
    return false_positive, true_positive, thresholds


def auroc(cosine: NDArray[np.float64], unhealthy: NDArray[np.bool_]) -> float:
    """Probability that an unhealthy slice has a smaller cosine than a healthy one."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(unhealthy, -cosine))
