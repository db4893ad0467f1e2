"""How bright lesions and healthy brain are: figures that synthetic scans must share with real ones.

Intensities are multiples of the median of healthy brain (brain voxels outside the lesion).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from anofpdm.common.executors.choice import executor_of
from anofpdm.evaluation.scan_cases import KnownScan, KnownScanCase
from anofpdm.evaluation.skipped import SkippedScan, check_some_left, skipped_of
from anofpdm.evaluation.smoothing import SMOOTHING_MM, intensity_map
from anofpdm.method.calibration import Polarity
from anofpdm.results.metrics import auprc
from anofpdm.scans.foreground import cleaned

_LESION_PERCENTS = (5, 25, 50, 75)
_HEALTHY_PERCENTS = (95, 99, 99.9)

COLUMNS = (
    *(f"lesion_{percent}" for percent in _LESION_PERCENTS),
    "lesion_below_healthy_95",
    *(f"healthy_{percent:g}" for percent in _HEALTHY_PERCENTS),
    *(f"auprc_intensity_{sigma:g}mm" for sigma in SMOOTHING_MM),
    "lesion_ml",
    "lesion_share_of_brain",
)
"""Figures of each case; those of lesions are None where there is none."""


@dataclass(frozen=True)
class IntensityDescription:
    """The figures of several scans.

    Attributes
    ----------
    cases : tuple of dict
        "case", "patient", "kind" and `COLUMNS` of each scan.
    summary : dict of str to dict
        For each column "median", "min", "max", "mean" over the cases that have it, and their
        number "cases".
    modality : str
    polarity : str
    skipped : tuple of SkippedScan
        Scans that could not be read.
    """

    cases: tuple[dict[str, Any], ...]
    summary: dict[str, dict[str, float]]
    modality: str
    polarity: Polarity
    skipped: tuple[SkippedScan, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "modality": self.modality,
            "polarity": self.polarity,
            "summary": self.summary,
            "cases": list(self.cases),
        }


def describe_intensity(
    cases: Sequence[KnownScanCase],
    modality: str,
    *,
    polarity: Polarity = "hyperintense",
    workers: int = 1,
    on_case: Callable[[int, int], None] | None = None,
) -> IntensityDescription:
    """Describe the intensities of lesions and of healthy brain in scans with known lesions.

    Parameters
    ----------
    cases : sequence of KnownScanCase
    modality : str
        Which of their modalities to describe.
    polarity : {"hyperintense", "hypointense", "both"}
        Which lesions the AUPRC of the intensity is of; see `intensity_map`.
    workers : int
        Number of parallel processes.
    on_case : callable, optional
        Called with (cases done, all cases) after each.

    Raises
    ------
    DatasetError
        When no scan can be read.
    """
    rows, skipped = [], list[SkippedScan]()
    measure = partial(_row_of_case, modality=modality, polarity=polarity)
    ended = executor_of(workers).run(measure, cases, in_order=True)
    for number, one in enumerate(ended, start=1):
        if (problem := skipped_of(one)) is not None:
            skipped.append(problem)
        else:
            rows.append(one.result())
        if on_case is not None:
            on_case(number, len(cases))
    check_some_left(skipped, len(cases))
    return IntensityDescription(tuple(rows), _summary(rows), modality, polarity, tuple(skipped))


def intensity_figures(
    scan: KnownScan, modality: str, polarity: Polarity = "hyperintense"
) -> dict[str, float | None]:
    """Return `COLUMNS` of one scan.

    The AUPRC is of the voxels inside the brain, scored by the scan, smoothed by 0, 1 and 2 mm. All
    figures are None where the brain, or the healthy part of it, is empty.
    """
    volume = scan.volumes[modality]
    brain = scan.brain(modality)
    lesion, healthy = scan.lesion & brain, brain & ~scan.lesion
    figures: dict[str, float | None] = dict.fromkeys(COLUMNS)
    values = cleaned(volume.data)
    median = float(np.median(values[healthy])) if healthy.any() else 0.0
    if median <= 0:
        return figures
    of_healthy = np.percentile(values[healthy], _HEALTHY_PERCENTS) / median
    for percent, value in zip(_HEALTHY_PERCENTS, of_healthy, strict=True):
        figures[f"healthy_{percent:g}"] = float(value)
    figures["lesion_ml"] = int(scan.lesion.sum()) * scan.voxel_volume_ml
    figures["lesion_share_of_brain"] = int(lesion.sum()) / int(brain.sum())
    if not lesion.any():
        return figures
    inside = values[lesion] / median
    for percent, value in zip(
        _LESION_PERCENTS, np.percentile(inside, _LESION_PERCENTS), strict=True
    ):
        figures[f"lesion_{percent}"] = float(value)
    figures["lesion_below_healthy_95"] = float(np.mean(inside < of_healthy[0]))
    for sigma in SMOOTHING_MM:
        scores = intensity_map(volume.data, brain, volume.spacing, sigma, polarity)
        figures[f"auprc_intensity_{sigma:g}mm"] = auprc(scores[brain], lesion[brain])
    return figures


def _row_of_case(case: KnownScanCase, modality: str, polarity: Polarity) -> dict[str, Any]:
    scan = case.read()
    names = {"case": case.name, "patient": case.patient, "kind": scan.kind}
    return {**names, **intensity_figures(scan, modality, polarity)}


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found = {}
    for column in COLUMNS:
        values = np.array([row[column] for row in rows if row[column] is not None])
        if values.size:
            found[column] = {
                "median": float(np.median(values)),
                "min": float(values.min()),
                "max": float(values.max()),
                "mean": float(values.mean()),
                "cases": int(values.size),
            }
    return found
