"""The report says what was done and found, in JSON that any program reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import SubFigure
from matplotlib.text import Text

from anofpdm.analysis.analysis import Analysis
from anofpdm.method.interpretation import Interpretation, interpret
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import AbsoluteThreshold, DynamicQuantile, ManualQuantile, Settings
from anofpdm.method.settings_words import healthy_rule_words, threshold_words
from anofpdm.results.lesions import find_lesions
from anofpdm.results.native import to_native
from anofpdm.results.pictures.report.page import save_picture
from anofpdm.results.pictures.report.picture import picture_of
from anofpdm.results.pictures.words import found_words
from anofpdm.results.report import build_report, lesions_of
from anofpdm.results.review.verdicts import Review
from tests.core.segmentation_cases import CALIBRATION, analysis


@pytest.fixture(scope="module")
def stored() -> Analysis:
    return analysis()


@pytest.fixture(scope="module")
def found(stored: Analysis) -> Interpretation:
    return interpret(stored, Settings.from_calibration(CALIBRATION, median_kernel=1))


def test_lesions_are_reported_in_ml_and_mm() -> None:
    mask = np.zeros((6, 6, 6), dtype=np.uint8)
    mask[0:2, 0, 0] = 1
    mask[4, 4, 2:5] = 1
    affine = np.array([[-2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 5, 30], [0, 0, 0, 1]])
    lesions = lesions_of(find_lesions(mask, affine, np.full(mask.shape, 0.25)))
    assert lesions["volume_ml"] == pytest.approx(5 * 0.03)
    assert [c["voxels"] for c in lesions["components"]] == [3, 2]
    assert lesions["components"][0]["volume_ml"] == pytest.approx(0.09)
    assert lesions["components"][0]["centre_mm"] == [2.0, 32.0, 45.0]
    assert lesions["components"][1] == {
        "number": 2,
        "volume_ml": pytest.approx(0.06),
        "voxels": 2,
        "diameter_mm": 5.39,
        "slices": [0, 0],
        "peak": 0.25,
        "centre_mm": [9.0, 20.0, 30.0],
        "verdict": "unreviewed",
        "note": "",
    }


def test_empty_mask_has_no_lesion() -> None:
    lesions = lesions_of(find_lesions(np.zeros((3, 3, 3), dtype=np.uint8), np.eye(4)))
    assert (lesions["volume_ml"], lesions["components"]) == (0.0, [])


def test_rejected_lesions_are_listed_apart_and_in_no_sum() -> None:
    mask = np.zeros((6, 6, 6), dtype=np.uint8)
    mask[0:3, 0, 0], mask[5, 5, 0:2], mask[5, 0, 5] = 1, 1, 1
    review = Review().with_verdict(1, "rejected").with_note(1, "vessel")
    review = review.with_verdict(2, "accepted")
    lesions = lesions_of(find_lesions(mask, np.eye(4)), review)
    assert lesions["voxels"] == 3
    listed = [(c["number"], c["voxels"], c["verdict"]) for c in lesions["components"]]
    assert listed == [(1, 2, "accepted"), (2, 1, "unreviewed")]
    (rejected,) = lesions["rejected"]
    assert (rejected["number"], rejected["voxels"], rejected["note"]) == (3, 3, "vessel")


def test_report_lists_the_lesions_of_the_mask(stored: Analysis) -> None:
    rule = AbsoluteThreshold(value=0.001)
    found = interpret(stored, Settings(threshold=rule, median_kernel=1, min_component_pixels=0))
    native = to_native(stored, found)
    affine = np.array(stored.geometry.affine)
    report = build_report(stored, found, native, seconds=0.0)
    assert report["lesions"] == lesions_of(find_lesions(native.mask, affine, native.anomaly_map))
    assert report["lesions"]["components"]


def test_every_slice_is_reported_with_every_scored_modality(
    stored: Analysis, found: Interpretation
) -> None:
    report = build_report(stored, found, to_native(stored, found), seconds=2.5)
    assert [entry["index"] for entry in report["slices"]] == list(stored.slice_ids)
    for s, entry in enumerate(report["slices"]):
        assert entry["cosine"] == found.cosine[s]
        assert entry["healthy"] == bool(found.healthy[s])
        assert set(entry["modalities"]) == {"flair"}
        assert entry["modalities"]["flair"] == {
            "t_e": found.end_step[s, 0],
            "M_te": pytest.approx(float(found.divergence_at_end[s, 0])),
            "quantile": found.quantile[s, 0],
        }


def test_provenance_and_settings_are_reported(stored: Analysis, found: Interpretation) -> None:
    native = to_native(stored, found)
    report = build_report(stored, found, native, seconds=2.5, warnings=["careful"])
    assert report["bundle"]["name"] == "tiny"
    assert report["bundle"]["hash"] == stored.metadata.bundle_hash
    assert report["sources"][0]["name"] == "scan.nii.gz"
    assert report["analysis"]["timesteps"] == [1, 201, 400, 600]
    assert Settings(**report["settings"]) == found.settings
    assert report["warnings"] == ["careful"]
    assert "Research use only" in report["intended_use"]
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_quantile_of_a_fixed_threshold_is_null(stored: Analysis) -> None:
    settings = Settings(threshold=AbsoluteThreshold(value=0.01))
    found = interpret(stored, settings)
    report = build_report(stored, found, to_native(stored, found), seconds=0.0)
    assert report["slices"][0]["modalities"]["flair"]["quantile"] is None
    assert report["slices"][0]["threshold"] == pytest.approx(0.01)


def test_the_picture_carries_the_reports_warnings(
    stored: Analysis, found: Interpretation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = to_native(stored, found)
    report = build_report(
        stored, found, native, seconds=1.0, warnings=["A scan that looks odd, in many words."]
    )
    picture = picture_of(stored, native, report)
    assert picture.warnings[-1] == "A scan that looks odd, in many words."
    texts: list[str] = []
    drawn = SubFigure.text

    def text(self: SubFigure, x: float, y: float, s: str, *given: Any, **more: Any) -> Any:
        texts.append(s)
        return drawn(self, x, y, s, *given, **more)

    monkeypatch.setattr(SubFigure, "text", text)
    # A file's name is no equation, however it looks.
    save_picture(tmp_path / "report.png", replace(picture, title="a$\\frac$.nii"), found)
    assert "Warning: A scan that looks odd, in many words." in texts
    assert any(f"w = {found.settings.guidance:g}, mask by " in line for line in texts)


def test_no_line_of_the_picture_runs_out_of_it(
    stored: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Text] = []
    write = SubFigure.text

    def text(self: SubFigure, *values: Any, **named: Any) -> Text:
        drawn.append(write(self, *values, **named))
        return drawn[-1]

    monkeypatch.setattr(SubFigure, "text", text)
    long = Settings.from_calibration(CALIBRATION).model_copy(
        update={
            "threshold": AbsoluteThreshold(value=1.25, extent=0.5),
            "polarity": "hyperintense",
            "refinement": Refinement(modality="flair"),
        }
    )
    result = interpret(stored, long)
    native = to_native(stored, result)
    report = build_report(stored, result, native, seconds=1.0, warnings=[40 * "a word "])
    save_picture(tmp_path / "report.png", picture_of(stored, native, report), result)
    whole = drawn[0].get_figure(root=True)
    assert whole is not None and sum("refined on the scan" in one.get_text() for one in drawn) == 1
    assert all(one.get_window_extent().x1 <= whole.bbox.x1 for one in drawn)


@pytest.mark.parametrize(
    ("settings", "threshold", "verdict"),
    [
        (
            Settings(threshold=AbsoluteThreshold(value=1.25, extent=0.5)),
            "the fixed threshold 1.25 (spots extend down to 0.5 of it)",
            "healthy if nothing is marked",
        ),
        (
            Settings(
                threshold=AbsoluteThreshold(value=1.25, extent=0.5), refinement=Refinement()
            ),
            "the fixed threshold 1.25 (spots extend down to 0.5 of it)",
            "healthy if the map marks nothing",
        ),
        (
            Settings(threshold=ManualQuantile(quantile=0.9, region="image"), gate=True,
                     cosine_threshold=0.95),
            "the quantile 0.9 of the image",
            "healthy above cosine 0.9500",
        ),
        (
            Settings(threshold=DynamicQuantile(low=0.9, high=0.98), max_divergence=(1.0,)),
            "the dynamic quantile (0.9 to 0.98) of the image",
            "slices are not classified",
        ),
    ],
)  # fmt: skip
def test_settings_in_words(settings: Settings, threshold: str, verdict: str) -> None:
    assert threshold_words(settings.threshold) == threshold
    assert healthy_rule_words(settings) == verdict


def test_the_words_on_what_was_found_do_without_a_name() -> None:
    assert found_words("a.nii", 1.5, 2) == "a.nii: 1.50 ml in 2 lesions"
    assert found_words("", 1.5, 1) == "1.50 ml in 1 lesion"
