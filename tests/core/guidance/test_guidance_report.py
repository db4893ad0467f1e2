from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from anofpdm.common.errors import OutputError
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.guidance.report import (
    auroc,
    guidance_document,
    roc,
    value_histogram,
    write_guidance_report,
)
from anofpdm.guidance.rules import GuidanceReport, calibrate
from anofpdm.model.bundle import ModelBundle

COSINES = np.array([[0.99, 0.965, 0.97, 0.985, 0.96], [0.9, 0.8, 0.2, 0.85, 0.3]])
LABELS = np.array([0, 0, 1, 1, 1])


@pytest.fixture
def found() -> GuidanceReport:
    divergences = np.arange(10, dtype=float).reshape(2, 5, 1)
    return calibrate(
        [1.0, 3.0], COSINES, divergences, LABELS,
        process="ddim", steps=5, t_max=600, clip=True, source="numbers",
    )  # fmt: skip


@pytest.fixture
def document(found: GuidanceReport, tmp_path: Path, tiny_bundle: ModelBundle) -> dict[str, Any]:
    return document_of(found, tmp_path, tiny_bundle)


def document_of(found: GuidanceReport, tmp_path: Path, tiny_bundle: ModelBundle) -> dict[str, Any]:
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["flair", "t1"]) as writer:
        writer.append(np.zeros((1, 2, 8, 8)), [0], subject="a", split="val")
    calibrated = tiny_bundle.with_calibration(found.calibration)
    return guidance_document(
        found, tiny_bundle, calibrated, SliceDataset.open(tmp_path / "d.zarr"), fraction=0.98,
        seed=0,
    )  # fmt: skip


def test_document_holds_what_was_chosen_and_how_well_it_does(document: dict[str, Any]) -> None:
    chosen = document["chosen"]
    # At w = 3 a threshold of 0.55 finds two of three unhealthy slices, and both healthy ones.
    assert chosen["guidance"] == 3 and chosen["cosine_threshold"] == pytest.approx(0.55)
    assert chosen["accuracy"] == 0.8 and chosen["max_divergence"] == [9.0]
    assert chosen["auroc"] == pytest.approx(5 / 6)
    counts = [chosen[f"{kind}_called_{call}"] for kind, call in (
        ("unhealthy", "unhealthy"), ("unhealthy", "healthy"), ("healthy", "healthy"),
        ("healthy", "unhealthy"))]  # fmt: skip
    assert counts == [2, 1, 2, 0]
    assert [c["guidance"] for c in document["candidates"]] == [1, 3]
    assert document["candidates"][0]["auroc"] == pytest.approx(4 / 6)
    assert document["values"] == {"healthy": [0.9, 0.8], "unhealthy": [0.2, 0.85, 0.3]}
    assert sum(document["histogram"]["healthy"]) == 2
    assert sum(document["histogram"]["unhealthy"]) == 3
    assert document["bundle"]["hash"] != document["calibrated_bundle"]["hash"]


def test_report_is_a_new_folder_with_numbers_and_a_picture(
    document: dict[str, Any], tmp_path: Path
) -> None:
    write_guidance_report(tmp_path / "report", document)
    assert json.loads((tmp_path / "report" / "guidance.json").read_text()) == document
    assert imread(tmp_path / "report" / "guidance.png").shape[:2] == (940, 1200)
    with pytest.raises(OutputError, match="already exists"):
        write_guidance_report(tmp_path / "report", document)


def test_roc_runs_from_nothing_to_everything_called_unhealthy() -> None:
    rng = np.random.default_rng(0)
    unhealthy = rng.random(60) < 0.4
    cosine = np.where(unhealthy, 0.6, 0.8) + rng.normal(0, 0.15, 60).clip(-0.2, 0.19)
    false_positive, true_positive, thresholds = roc(cosine, unhealthy, -1)
    for wrong, right, threshold in zip(false_positive, true_positive, thresholds, strict=True):
        assert right == pytest.approx(np.mean(cosine[unhealthy] <= threshold))
        assert wrong == pytest.approx(np.mean(cosine[~unhealthy] <= threshold))
    assert (true_positive[0], true_positive[-1]) == (0, 1)
    assert np.trapezoid(true_positive, false_positive) == pytest.approx(
        auroc(cosine, unhealthy, -1)
    )


def test_histogram_counts_slices_that_are_all_alike() -> None:
    edges, counts = value_histogram(np.full(3, 0.5), np.array([True, False, False]))
    assert (np.diff(edges) > 0).all()
    assert counts.sum(axis=1).tolist() == [2, 1]


def test_the_fixed_threshold_is_reported_by_the_maps(
    tmp_path: Path, tiny_bundle: ModelBundle
) -> None:
    scores = np.array([[0.1, 0.2, 0.3, 0.4, 0.15], [1.0, 0.5, 2.0, 0.0, 3.0]])
    divergences = np.arange(10, dtype=float).reshape(2, 5, 1)
    found = calibrate(
        [1.0, 3.0], COSINES, divergences, LABELS, scores=scores,
        process="ddim", steps=5, t_max=600, clip=True, fraction=1,
    )  # fmt: skip
    document = document_of(found, tmp_path, tiny_bundle)
    chosen = document["chosen"]
    # Both candidates tell four of five rightly, and the larger one is taken.
    assert (chosen["guidance"], chosen["accuracy"]) == (3, 0.8)
    assert chosen["map_threshold"] == pytest.approx(1.5)
    assert (chosen["unhealthy_called_unhealthy"], chosen["healthy_called_unhealthy"]) == (2, 0)
    assert chosen["auroc"] == pytest.approx(4 / 6)
    assert document["values"] == {"healthy": [1.0, 0.5], "unhealthy": [2.0, 0.0, 3.0]}
    assert document["roc"]["true_positive_rate"][0] == 0
    write_guidance_report(tmp_path / "report", document)
