"""Scores of one subject: what is kept of it once its voxels are gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anofpdm.evaluation.example import Example, ExampleBuilder
from anofpdm.evaluation.measures.lesion_detection import LesionCounts, lesion_counts
from anofpdm.evaluation.measures.map_counts import MapCounts, average_precision, map_counts
from anofpdm.evaluation.measures.surface_distance import surface_distances
from anofpdm.evaluation.subject import Mask, Prediction, Subject

Floats = NDArray[np.float64]
OVERLAPS = ("dice", "iou", "precision", "recall")
DISTANCES = ("hd95_mm", "mean_surface_mm")


@dataclass(frozen=True, eq=False)
class MethodScores:
    """Scores of one method's mask on one subject; nan where a score is undefined.

    Attributes
    ----------
    volume : mapping of str to float
        `OVERLAPS`, `DISTANCES` and "mask_ml" of the whole scan.
    slices : mapping of str to ndarray (S,)
        `OVERLAPS` of each slice.
    unhealthy : ndarray of bool (S,)
        Verdicts.
    marked : ndarray of bool (S,)
        Whether the mask marks anything in the slice.
    slice_scores : mapping of str to ndarray (S,)
        See `Prediction.scores`.
    lesions : LesionCounts or None
        None where the distance between slices is unknown.
    """

    volume: Mapping[str, float]
    slices: Mapping[str, Floats]
    unhealthy: NDArray[np.bool_]
    marked: NDArray[np.bool_]
    slice_scores: Mapping[str, NDArray[np.floating]]
    lesions: LesionCounts | None


@dataclass(frozen=True, eq=False)
class SubjectScores:
    """All scores of one subject.

    Attributes
    ----------
    name, patient, kind : str
    has_lesion : bool
    lesion_ml : float
        Size of the true lesion; nan where the distance between slices is unknown.
    slice_ids, labels : ndarray (S,)
    lesion_mm2 : ndarray (S,)
    curves : mapping of str to ndarray (S,)
    methods : mapping of str to MethodScores
    maps : mapping of str to MapCounts
    example : Example or None
        A slice for pictures.
    """

    name: str
    patient: str
    kind: str
    has_lesion: bool
    lesion_ml: float
    slice_ids: NDArray[np.integer]
    labels: NDArray[np.int8]
    lesion_mm2: Floats
    curves: Mapping[str, NDArray[np.floating]]
    methods: Mapping[str, MethodScores]
    maps: Mapping[str, MapCounts]
    example: Example | None = None

    def auprc(self, name: str) -> float:
        """AUPRC of a map over the brain of the whole scan; nan without a lesion."""
        return float(average_precision(self.maps[name].volume()[0]))


def score_subject(subject: Subject) -> SubjectScores:
    """Score every mask and map of a subject, one after another."""
    example = ExampleBuilder(subject)
    methods: dict[str, MethodScores] = {}
    for name, predict in subject.predictions.items():
        prediction = predict()
        methods[name] = _of_method(subject, prediction)
        example.show_mask(name, prediction.mask)
    maps: dict[str, MapCounts] = {}
    for name, make in subject.maps.items():
        values = make()
        if not maps:
            example.show_map(values)
        maps[name] = map_counts(
            values, subject.truth, subject.brain, subject.slice_ids, subject.labels
        )
    return SubjectScores(
        name=subject.name,
        patient=subject.patient,
        kind=subject.kind,
        has_lesion=bool(subject.truth.any()),
        lesion_ml=int(subject.truth.sum()) * subject.voxel_ml,
        slice_ids=subject.slice_ids,
        labels=subject.labels,
        lesion_mm2=subject.lesion_mm2,
        curves=subject.curves,
        methods=methods,
        maps=maps,
        example=example.build(),
    )


def overlaps(mask: Mask, truth: Mask, axis: tuple[int, ...]) -> dict[str, Floats]:
    """DICE, IoU, precision and recall, summed over some axes.

    DICE and IoU are 1 where mask and truth are empty. Precision is undefined (nan) where the mask
    is empty, recall where the truth is: scikit-learn's scores with ``zero_division=nan``.
    """
    both = (mask & truth).sum(axis=axis).astype(np.float64)
    marked, true = (each.sum(axis=axis).astype(np.float64) for each in (mask, truth))

    def ratio(top: Floats, bottom: Floats, otherwise: float) -> Floats:
        out = np.full(np.shape(bottom), otherwise)
        return np.asarray(np.divide(top, bottom, out=out, where=bottom > 0))

    return {
        "dice": ratio(2 * both, marked + true, 1.0),
        "iou": ratio(both, marked + true - both, 1.0),
        "precision": ratio(both, marked, np.nan),
        "recall": ratio(both, true, np.nan),
    }


def _of_method(subject: Subject, prediction: Prediction) -> MethodScores:
    mask, truth = prediction.mask, subject.truth
    whole = {name: float(value) for name, value in overlaps(mask, truth, (0, 1, 2)).items()}
    known = bool(np.isfinite(subject.voxel_ml))
    apart = surface_distances(mask, truth, subject.spacing) if known else None
    far = (np.nan, np.nan) if apart is None else (apart.hd95_mm, apart.mean_mm)
    by_slice = overlaps(mask, truth, (0, 1))
    return MethodScores(
        volume={
            **whole,
            **dict(zip(DISTANCES, far, strict=True)),
            "mask_ml": int(mask.sum()) * subject.voxel_ml,
        },
        slices={name: values[subject.slice_ids] for name, values in by_slice.items()},
        unhealthy=prediction.unhealthy,
        marked=np.asarray(mask.any(axis=(0, 1)))[subject.slice_ids],
        slice_scores=prediction.scores,
        lesions=lesion_counts(mask, truth, subject.voxel_ml) if known else None,
    )
