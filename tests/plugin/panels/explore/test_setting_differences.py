from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anofpdm import Analysis, Settings
from anofpdm.method.calibration import Calibration, Candidate
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import AbsoluteThreshold, ManualQuantile
from napari_anofpdm.panels.explore.badge import badge_words
from napari_anofpdm.panels.explore.candidates_menu import candidate_words
from napari_anofpdm.panels.explore.setting_differences import differences_in_words
from tests.core.segmentation_cases import CALIBRATION

CANDIDATES = tuple(
    Candidate(guidance=w, cosine_threshold=c, accuracy=a, max_divergence=(m,))
    for w, c, a, m in ((1.0, 0.95, 0.9, 0.05), (2.0, 0.9, 0.925, 0.1), (4.0, 0.5, 0.92, 0.4))
)
SEARCHED = CALIBRATION.model_copy(update={"candidates": CANDIDATES})
OWN = Settings.from_calibration(SEARCHED)


def with_calibration(analysis: Analysis, calibration: Calibration | None) -> Analysis:
    bundle = analysis.metadata.bundle.model_copy(update={"calibration": calibration})
    return replace(analysis, metadata=analysis.metadata.model_copy(update={"bundle": bundle}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"end_step": 400}, ["end step t = 400 instead of automatic"]),
        ({"gate": False}, ["gate off"]),
        ({"cosine_threshold": 0.7}, ["cosine threshold 0.7 instead of 0.9"]),
        (
            {"threshold": ManualQuantile(quantile=0.95, region="brain")},
            ["masks use the quantile 0.95 of the brain instead of the dynamic quantile (0.9 to "
             "0.98) of the image"],
        ),
        ({"min_component_ml": 0.5, "median_kernel": 1},
         ["median filter 1 px instead of 5 px", "smallest lesion 0.5 ml instead of 0 ml"]),
        ({"sam": "gradient"}, ["map squared gradient, all steps instead of squared error, "
                               "all steps"]),
        ({"polarity": "hyperintense"},
         ["polarity brighter only instead of brighter and darker"]),
        ({"max_divergence": (0.2,)}, ["M_max 0.2 instead of 0.1"]),
        ({"refinement": Refinement()}, ["refinement on"]),
        ({"min_component_pixels": 7}, ["smallest spot 7 px instead of 40 px"]),
        ({}, []),
    ],
)  # fmt: skip
def test_differences_are_named(changes: dict[str, Any], words: list[str]) -> None:
    assert differences_in_words(OWN.model_copy(update=changes), OWN, SEARCHED) == words


def test_differences_of_the_refinement_are_named() -> None:
    own = OWN.model_copy(update={"refinement": Refinement(border=1.25)})
    other = Refinement(border=2.0, reach_mm=5.0)
    changed = own.model_copy(update={"refinement": other})
    assert differences_in_words(changed, own, None) == [
        "border (z) 2.0 instead of 1.25, reach in mm 5.0 instead of 4.0"
    ]
    assert differences_in_words(OWN, own, None) == ["refinement off"]


def test_what_follows_the_guidance_is_not_named() -> None:
    moved = OWN.with_guidance(4.0, SEARCHED)
    assert moved.cosine_threshold != OWN.cosine_threshold
    assert differences_in_words(moved, OWN, SEARCHED) == ["guidance 4 instead of 2"]
    by_hand = moved.model_copy(update={"cosine_threshold": 0.9})
    assert differences_in_words(by_hand, OWN, SEARCHED)[1:] == [
        "cosine threshold 0.9 instead of 0.5"
    ]


def test_candidates_tell_what_they_achieved() -> None:
    assert candidate_words(CANDIDATES[1], SEARCHED) == "w = 2: 92.5% of slices correct, calibrated"
    assert "calibrated" not in candidate_words(CANDIDATES[0], SEARCHED)


def test_the_badge_names_model_and_changes(tiny_analysis: Analysis) -> None:
    own = tiny_analysis.default_settings()
    assert badge_words(tiny_analysis, own, own) == "As calibrated for tiny 0.1 (w\u00a0=\u00a02)."
    changed = own.model_copy(update={"gate": False, "median_kernel": 1})
    assert badge_words(tiny_analysis, changed, own) == (
        "Not as calibrated. Changed: gate off; median filter 1 px instead of 5 px."
    )


def test_the_badge_doubts_a_calibration_of_other_steps(tiny_analysis: Analysis) -> None:
    other = with_calibration(tiny_analysis, CALIBRATION.model_copy(update={"steps": 20}))
    own = other.default_settings()
    assert "As calibrated for tiny 0.1" in badge_words(other, own, own)
    assert (
        "calibrated with ddim, 20 steps up to t = 600, but this analysis has ddim, 4 steps"
        in badge_words(other, own, own)
    )


def test_the_badge_says_that_a_model_is_not_calibrated(tiny_analysis: Analysis) -> None:
    plain = with_calibration(tiny_analysis, None)
    own = plain.default_settings()
    words = badge_words(plain, own, own)
    assert "tiny is not calibrated" in words and "masks use the quantile 0.95 of the brain" in words
    changed = own.model_copy(update={"threshold": AbsoluteThreshold(value=0.02)})
    words = badge_words(plain, changed, own)
    assert "not calibrated" in words and "the fixed threshold 0.02 instead of" in words
