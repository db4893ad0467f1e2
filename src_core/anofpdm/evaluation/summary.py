"""From the scores of all subjects to the tables of an evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.evaluation.measures.bootstrap import Interval, PatientBootstrap
from anofpdm.evaluation.measures.lesion_detection import SIZES_ML, LesionCounts, size_names
from anofpdm.evaluation.measures.map_counts import (
    BINS,
    Group,
    Region,
    average_precision,
    bin_value,
)
from anofpdm.evaluation.scores import DISTANCES, OVERLAPS, MethodScores
from anofpdm.evaluation.tally import Tally
from anofpdm.method.class_labels import HEALTHY, UNHEALTHY

_PATIENTS_AT_ONCE = 64
Table = dict[str, Any]


def summarize(tally: Tally, draws: int = 1000, seed: int = 0) -> Table:
    """Return all scores with 95 % intervals over patients, as JSON values.

    Parameters
    ----------
    tally : Tally
        Of one subject or more.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        "counts": scans, patients and slices. "methods": for each method its scores by slice, by
        volume, of lesions and of slice verdicts. "maps": for each map AUPRC and the best DICE that
        a fixed threshold on it could reach. "m_te_and_size": Pearson's r. Each score is a dict of
        "value", "low", "high" and "n"; None where it is undefined.
    """
    bootstrap = PatientBootstrap(tally.patients, draws, seed)
    return {
        "counts": _counts(tally, bootstrap),
        "methods": {
            name: _of_method(tally, tally.of_method(name), bootstrap) for name in tally.methods
        },
        "maps": {name: _of_map(tally, name, bootstrap) for name in tally.maps},
        "m_te_and_size": _correlation(tally, bootstrap).document,
    }


def _counts(tally: Tally, bootstrap: PatientBootstrap) -> Table:
    labels = tally.by_slice()["label"]
    return {
        "scans": len(tally.subjects),
        "patients": bootstrap.patients,
        "scans_with_lesion": sum(subject.has_lesion for subject in tally.subjects),
        "slices": {
            "healthy": int((labels == HEALTHY).sum()),
            "unhealthy": int((labels == UNHEALTHY).sum()),
            "left_out": int(((labels != HEALTHY) & (labels != UNHEALTHY)).sum()),
        },
    }


def _of_method(tally: Tally, scores: list[MethodScores], bootstrap: PatientBootstrap) -> Table:
    return {
        "slices": _by_slice(tally, scores, bootstrap),
        "volumes": _by_volume(tally, scores, bootstrap),
        "lesions": lesion_table([one.lesions for one in scores], bootstrap),
        "images": _verdicts(tally, scores, bootstrap),
    }


def _by_slice(tally: Tally, scores: list[MethodScores], bootstrap: PatientBootstrap) -> Table:
    slices = tally.by_slice()
    scan, label = slices["scan"], slices["label"]
    groups = {"mixed": (label == HEALTHY) | (label == UNHEALTHY), "unhealthy": label == UNHEALTHY}
    found: Table = {}
    for group, chosen in groups.items():
        found[group] = {}
        for name in OVERLAPS:
            values = np.concatenate([one.slices[name] for one in scores])
            found[group][name] = bootstrap.mean(values[chosen], scan[chosen]).document
    return found


def _by_volume(tally: Tally, scores: list[MethodScores], bootstrap: PatientBootstrap) -> Table:
    sick = np.array([subject.has_lesion for subject in tally.subjects])
    found: Table = {}
    for group, chosen in {"mixed": np.ones_like(sick), "unhealthy": sick}.items():
        scans = np.flatnonzero(chosen)
        names = (*OVERLAPS, *DISTANCES) if group == "unhealthy" else OVERLAPS
        found[group] = {
            name: bootstrap.mean([scores[k].volume[name] for k in scans], scans).document
            for name in names
        }
    return found


def lesion_table(counts: list[LesionCounts | None], bootstrap: PatientBootstrap) -> Table:
    """Sensitivity, precision, F1 and false positives of lesions, all together and by size."""
    nothing = np.zeros(len(SIZES_ML))
    true, detected, marked, false = (
        np.array([getattr(one, name, nothing) for one in counts], dtype=np.float64)
        for name in ("true", "detected", "marked", "false")
    )
    ones = np.array([one is not None for one in counts], dtype=np.float64)
    sums = [bootstrap.sums(values.sum(axis=1)) for values in (true, detected, marked, false)]
    table: Table = {
        "sensitivity": bootstrap.ratio(detected.sum(axis=1), true.sum(axis=1)).document,
        "precision": bootstrap.ratio((marked - false).sum(axis=1), marked.sum(axis=1)).document,
        "f1": _lesion_f1(sums, bootstrap, int(true.sum())).document,
        "false_positives_per_scan": bootstrap.ratio(false.sum(axis=1), ones).document,
        "by_size": {},
    }
    for k, name in enumerate(size_names()):
        table["by_size"][name] = {
            "sensitivity": bootstrap.ratio(detected[:, k], true[:, k]).document,
            "false_positives_per_scan": bootstrap.ratio(false[:, k], ones).document,
        }
    return table


def _lesion_f1(
    sums: list[tuple[float, NDArray[np.float64]]], bootstrap: PatientBootstrap, lesions: int
) -> Interval:
    """Harmonic mean of lesion sensitivity and lesion precision; undefined without any lesion."""

    def f1(true: Any, detected: Any, marked: Any, false: Any) -> Any:
        with np.errstate(invalid="ignore", divide="ignore"):
            found, right = detected / true, (marked - false) / marked
            score = 2 * found * right / (found + right)
        # Nothing found, or nothing marked, of lesions that are there: 0.
        return np.where((true > 0) & ((detected == 0) | (marked == false)), 0.0, score)

    values, drawn = zip(*sums, strict=True)
    value = float(f1(*(np.asarray(each) for each in values)))
    return bootstrap.interval(value, f1(*drawn), lesions)


def _verdicts(tally: Tally, scores: list[MethodScores], bootstrap: PatientBootstrap) -> Table:
    slices = tally.by_slice()
    known = (slices["label"] == HEALTHY) | (slices["label"] == UNHEALTHY)
    sick, scan = slices["label"][known] == UNHEALTHY, slices["scan"][known]
    said = np.concatenate([one.unhealthy for one in scores])[known]
    marked = np.concatenate([one.marked for one in scores])[known]
    found: Table = {
        "accuracy": bootstrap.mean(said == sick, scan).document,
        "sensitivity": bootstrap.ratio(said & sick, sick, scan).document,
        "specificity": bootstrap.ratio(~said & ~sick, ~sick, scan).document,
        "false_alarm_rate": bootstrap.ratio(marked & ~sick, ~sick, scan).document,
    }
    for name in scores[0].slice_scores:
        values = np.concatenate([one.slice_scores[name] for one in scores])[known]
        found[f"roc_auc_{name}"] = bootstrap.roc_auc(values, sick, scan).document
    return found


def _of_map(tally: Tally, name: str, bootstrap: PatientBootstrap) -> Table:
    found: Table = {"auprc": {}, "auprc_brain": {}}
    regions: dict[str, Region] = {"auprc": "image", "auprc_brain": "brain"}
    groups: tuple[Group, ...] = ("mixed", "unhealthy")
    for column, region in regions.items():
        for group in groups:
            found[column][group] = _pooled_auprc(tally, name, group, region, bootstrap).document
    by_scan = [float(average_precision(one.volume()[0])) for one in tally.counts(name)]
    found["auprc_brain"]["scan_mean"] = bootstrap.mean(by_scan).document
    found["best_threshold"] = _best_threshold(tally, name, bootstrap)
    return found


def _pooled_auprc(
    tally: Tally, name: str, group: Group, region: Region, bootstrap: PatientBootstrap
) -> Interval:
    whole = np.zeros((2, BINS))
    drawn = np.zeros((len(bootstrap.weights), 2 * BINS))
    waiting: list[NDArray[np.int64]] = []
    owners: list[int] = []

    def settle() -> None:
        nonlocal drawn
        if waiting:
            drawn += bootstrap.weights[:, owners] @ np.stack(waiting).astype(np.float64)
        waiting.clear()
        owners.clear()

    for counts, owner in zip(tally.counts(name), bootstrap.of_scan, strict=True):
        pixels = counts.pixels(group, region)
        whole += pixels
        waiting.append(pixels.ravel())
        owners.append(int(owner))
        if len(waiting) == _PATIENTS_AT_ONCE:
            settle()
    settle()
    value = float(average_precision(whole))
    resampled = average_precision(drawn.reshape(-1, 2, BINS))
    return bootstrap.interval(value, resampled, int(whole.sum()))


def _best_threshold(tally: Tally, name: str, bootstrap: PatientBootstrap) -> Table:
    """Return the best DICE of one fixed threshold for all scans, chosen with the truth at hand."""
    slices = np.array([one.slices for one in tally.counts(name)], dtype=np.float64)
    sick = np.array([subject.has_lesion for subject in tally.subjects])
    by_slice, by_volume = np.zeros(BINS), np.zeros(BINS)
    for one, lesion in zip(tally.counts(name), sick, strict=True):
        by_slice += one.slice_dice
        if lesion:
            by_volume += one.volume_dice()
    best_slice, best_volume = (1 + int(np.argmax(curve[1:])) for curve in (by_slice, by_volume))
    at_slice = [one.slice_dice[best_slice] for one in tally.counts(name)]
    at_volume = [one.volume_dice()[best_volume] for one in tally.counts(name)]
    return {
        "slices": {
            "threshold": bin_value(best_slice),
            "dice_unhealthy": bootstrap.ratio(at_slice, slices).document,
        },
        "volumes": {
            "threshold": bin_value(best_volume),
            "dice_unhealthy": bootstrap.ratio(np.array(at_volume) * sick, sick).document,
        },
    }


def _correlation(tally: Tally, bootstrap: PatientBootstrap) -> Interval:
    """Pearson's r of M_te and lesion area over the slices with a lesion."""
    slices = tally.by_slice()
    sick = slices["label"] == UNHEALTHY
    x = np.asarray(slices["lesion_mm2"], dtype=np.float64)[sick]
    y = np.asarray(slices["divergence_at_end"], dtype=np.float64)[sick]
    if len(x) < 3 or x.std() == 0 or y.std() == 0:
        return Interval(None, None, None, len(x))
    patient = bootstrap.of_scan[slices["scan"][sick].astype(np.int64)]
    weights = bootstrap.weights[:, patient].astype(np.float64)
    moments = [weights @ values for values in (np.ones_like(x), x, y, x * x, y * y, x * y)]
    n, sx, sy, sxx, syy, sxy = moments
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = (n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))
    return bootstrap.interval(float(np.corrcoef(x, y)[0, 1]), drawn, len(x))
