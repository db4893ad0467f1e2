"""A follow-up that may be of another patient is doubted in a sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from anofpdm.preprocessing.follow_up import align_follow_up
from anofpdm.preprocessing.similarity import SimilarityTest
from anofpdm.scans.volume import Volume


def aligned(monkeypatch: pytest.MonkeyPatch, similarity: SimilarityTest) -> tuple[bool, list[str]]:
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
    return found.passed, told


def test_two_heads_are_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, told = aligned(monkeypatch, SimilarityTest(0.0509, 0.0166))
    assert passed
    assert len(told) == 1 and "b.nii.gz fits a.nii.gz little better than by chance" in told[0]
    assert told[0].endswith("make sure that both show the same patient.")


def test_another_contrast_of_one_head_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert aligned(monkeypatch, SimilarityTest(0.4622, 0.0164)) == (True, [])


def test_a_fit_by_chance_is_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, told = aligned(monkeypatch, SimilarityTest(0.02, 0.02))
    assert not passed
    assert told == ["Follow-up: It fits by chance. Do not trust the comparison."]
