"""The report of a guidance search: guidance.json and guidance.png."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.atomic import atomic_path

if TYPE_CHECKING:
    from anofpdm.datasets.store.slices import SliceDataset
    from anofpdm.guidance.rules import GuidanceReport
    from anofpdm.model.bundle import ModelBundle

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
    keep_paths: bool = False,
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
    keep_paths : bool
        Whether the dataset is named with its folders.

    Returns
    -------
    dict
        "chosen" (w*, its thresholds, M_max, accuracy by the criterion, the baseline that calling
        all slices alike would score, AUROC and the counts of right and wrong),
        "candidates", "roc" and "histogram" at w*, and "values" of the healthy and unhealthy slices
        at w*, beside what it was measured with. The values are what the rule's verdict goes by: the
        cosines (unhealthy at or below Cos*), or the maps' scores (unhealthy at or above the map
        threshold). All of it is measured on the slices that chose.
    """
    calibration, row = report.calibration, chosen_row(report)
    unhealthy, rule = report.labels == 1, calibrated_rule(report)
    values = rule.values[row]
    edges, counts = value_histogram(values, unhealthy)
    false_positive, true_positive, thresholds = roc(values, unhealthy, rule.sign)
    called = rule.sign * values >= rule.sign * rule.threshold
    return {
        "bundle": {"name": before.name, "hash": before.hash},
        "calibrated_bundle": {"name": calibrated.name, "hash": calibrated.hash},
        "dataset": {
            "name": str(dataset.path) if keep_paths else dataset.path.name,
            "fingerprint": dataset.fingerprint,
        },
        "source": calibration.source,
        "warnings": [] if report.doubt is None else [report.doubt],
        "slices": calibration.slices,
        "process": calibration.process,
        "steps": calibration.steps,
        "t_max": calibration.t_max,
        "seed": seed,
        "fraction": fraction,
        "scored": list(before.metadata.scored),
        "rule": calibration.rule,
        "criterion": calibration.criterion,
        "polarity": calibration.polarity,
        "refinement": None
        if calibration.refinement is None
        else calibration.refinement.model_dump(mode="json"),
        "refinement_source": calibration.refinement_source,
        "chosen": {
            "guidance": calibration.guidance,
            "cosine_threshold": calibration.cosine_threshold,
            "map_threshold": calibration.map_threshold,
            "max_divergence": list(calibration.max_divergence),
            "accuracy": float(report.accuracies[row]),
            "baseline": report.baseline,
            "auroc": auroc(values, unhealthy, rule.sign),
            "unhealthy_called_unhealthy": int((called & unhealthy).sum()),
            "unhealthy_called_healthy": int((~called & unhealthy).sum()),
            "healthy_called_healthy": int((~called & ~unhealthy).sum()),
            "healthy_called_unhealthy": int((called & ~unhealthy).sum()),
        },
        "candidates": [
            {
                **candidate.model_dump(mode="json"),
                "auroc": auroc(of_candidate, unhealthy, rule.sign),
            }
            for candidate, of_candidate in zip(calibration.candidates, rule.values, strict=True)
        ],
        "histogram": {
            "edges": edges.tolist(),
            "healthy": counts[0].tolist(),
            "unhealthy": counts[1].tolist(),
        },
        "roc": {
            "false_positive_rate": false_positive.tolist(),
            "true_positive_rate": true_positive.tolist(),
            "threshold": thresholds.tolist(),
        },
        "values": {
            "healthy": values[~unhealthy].tolist(),
            "unhealthy": values[unhealthy].tolist(),
        },
    }


@dataclass(frozen=True, eq=False)
class CalibratedRule:
    """The quantity by which a calibration classifies slices.

    Attributes
    ----------
    values : ndarray (n, S)
        Cosines or map scores of each candidate and slice.
    threshold : float
        At w*.
    sign : int
        1 where unhealthy slices have the larger values, -1 where they have the smaller ones.
    """

    values: NDArray[np.float64]
    threshold: float
    sign: Literal[1, -1]


def calibrated_rule(report: GuidanceReport) -> CalibratedRule:
    """Give what the rule that was calibrated goes by."""
    calibration = report.calibration
    if report.scores is not None and calibration.map_threshold is not None:
        return CalibratedRule(report.scores, calibration.map_threshold, 1)
    return CalibratedRule(report.cosines, calibration.cosine_threshold, -1)


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
    from anofpdm.guidance.figure import save_guidance_figure

    with atomic_path(folder) as pending:
        pending.mkdir()
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        (pending / JSON_FILE).write_text(text, encoding="utf-8")
        save_guidance_figure(pending / PICTURE_FILE, document)


def chosen_row(report: GuidanceReport) -> int:
    """Index of w* among the candidates."""
    return int(np.flatnonzero(report.candidates == report.calibration.guidance)[0])


def value_histogram(
    values: NDArray[np.float64], unhealthy: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Count slices by value in bins common to both classes.

    Returns
    -------
    edges : ndarray (BINS + 1,)
    counts : ndarray (2, BINS)
        Healthy, unhealthy.
    """
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        low, high = low - 5e-10, low + 5e-10
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.histogram(values[kind], edges)[0] for kind in (~unhealthy, unhealthy)]
    return edges, np.array(counts)


def roc(
    values: NDArray[np.float64], unhealthy: NDArray[np.bool_], sign: Literal[1, -1]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rates of healthy and unhealthy slices that each threshold calls unhealthy.

    Returns
    -------
    false_positive_rate, true_positive_rate, threshold : ndarray
        Of equal length, from the threshold that calls nothing unhealthy on.
    """
    from sklearn.metrics import roc_curve

    false_positive, true_positive, thresholds = roc_curve(unhealthy, sign * values)
    # The first threshold is infinite by convention; any value beyond all slices calls none.
    thresholds[0] = np.nextafter(thresholds[1], np.inf)
    return false_positive, true_positive, sign * thresholds


def auroc(values: NDArray[np.float64], unhealthy: NDArray[np.bool_], sign: Literal[1, -1]) -> float:
    """Probability that an unhealthy slice looks less healthy than a healthy one."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(unhealthy, sign * values))
