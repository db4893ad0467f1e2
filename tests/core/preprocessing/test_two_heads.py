"""A follow-up that may be of another patient is doubted in a sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from anofpdm.preprocessing.follow_up import RESAMPLED, AlignedFollowUp, align_follow_up
from anofpdm.preprocessing.similarity import SimilarityTest
from anofpdm.scans.volume import Volume


def aligned(
    monkeypatch: pytest.MonkeyPatch, similarity: SimilarityTest
) -> tuple[AlignedFollowUp, list[str]]:
    scan = Volume(np.ones((4, 5, 6), dtype=np.float32), np.eye(4), "flair")

    def register(fixed: Volume, moving: Volume, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(
            volume=moving,
            to_moving=np.eye(4),
            fixed="a.nii.gz",
            moving="b.nii.gz",
            shift_mm=3.0,
            seconds=1.0,
            similarity=similarity,
            warning=None if similarity.passed else "It fits by chance.",
            record={},
        )

    monkeypatch.setattr("anofpdm.preprocessing.registration.register", register)
    told: list[str] = []
    found = align_follow_up(scan, {"flair": scan}, warn=told.append)
    return found, told


def kept(
    monkeypatch: pytest.MonkeyPatch, shift_mm: float, mutual_information: float
) -> tuple[bool, str]:
    """Register scans on one grid of 2 mm with this result; is the follow-up resampled?"""
    random = np.random.default_rng(0).uniform(50, 100, (2, 24, 24, 12)).astype(np.float32)
    affine = np.diag([2.0, 2.0, 4.0, 1.0])
    first, later = (Volume(data, affine, "flair") for data in random)
    to_moving = np.eye(4)
    to_moving[0, 3] = shift_mm
    found = SimpleNamespace(
        volume=first,
        to_moving=to_moving,
        fixed="a.nii.gz",
        moving="b.nii.gz",
        shift_mm=shift_mm,
        seconds=1.0,
        similarity=SimilarityTest(mutual_information, 0.001),
        warning=None,
        record={},
    )
    monkeypatch.setattr("anofpdm.preprocessing.registration.register", lambda *_, **__: found)
    aligned = align_follow_up(first, {"flair": later})
    assert aligned.record == [{"resampled": aligned.resampled}]
    assert aligned.volumes["flair"] is (first if aligned.resampled else later)
    return aligned.resampled, aligned.note


def test_a_head_that_hardly_moved_keeps_its_voxels(monkeypatch: pytest.MonkeyPatch) -> None:
    resampled, note = kept(monkeypatch, 0.19, 9.0)
    assert not resampled
    assert note == "b.nii.gz was not resampled: it lies within 0.1 voxels of the baseline."
    assert kept(monkeypatch, 0.21, 9.0) == (True, RESAMPLED)


def test_a_registration_that_improves_nothing_moves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resampled, note = kept(monkeypatch, 1.0, 0.01)
    assert not resampled and "does not improve its fit" in note


def test_two_heads_are_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = aligned(monkeypatch, SimilarityTest(0.0509, 0.0166))
    assert found.passed and found.doubtful
    assert len(told) == 1 and "b.nii.gz fits a.nii.gz little better than by chance" in told[0]
    assert told[0].endswith("make sure that both show the same patient.")


def test_another_contrast_of_one_head_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = aligned(monkeypatch, SimilarityTest(0.4622, 0.0164))
    assert found.passed and not found.doubtful and told == []


def test_a_fit_by_chance_is_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = aligned(monkeypatch, SimilarityTest(0.02, 0.02))
    assert not found.passed
    assert told == ["Follow-up: It fits by chance. Do not trust the comparison."]
