from __future__ import annotations

from typing import Any

import pytest

from anofpdm.common.errors import BundleError, SettingsError
from anofpdm.common.validation import validated
from anofpdm.method.calibration import Calibration, Candidate
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import AbsoluteThreshold, DynamicQuantile, ManualQuantile, Settings


def calibration(**values: Any) -> Calibration:
    candidates = [(1.0, 0.8, 0.9, 0.2), (2.0, 0.9, 0.95, 0.4), (4.0, 0.5, 0.94, 1.0)]
    fields: dict[str, Any] = {
        "guidance": 4.0,
        "cosine_threshold": 0.5,
        "max_divergence": (1.0,),
        "process": "ddim",
        "steps": 30,
        "t_max": 600,
        "quantile_range": {"image": (0.9, 0.98), "brain": (0.7, 0.97)},
        "candidates": tuple(
            Candidate(guidance=w, cosine_threshold=c, accuracy=a, max_divergence=(m,))
            for w, c, a, m in candidates
        ),
    }
    return validated(Calibration, **(fields | values))


def test_defaults_need_no_calibration() -> None:
    settings = Settings()
    assert not settings.gate and settings.cosine_threshold is None
    assert isinstance(settings.threshold, ManualQuantile) and settings.end_step is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"guidance": -1}, "guidance is -1"),
        ({"guidance": 1001}, "guidance is 1001"),
        ({"guidance": float("nan")}, "guidance is nan"),
        ({"end_step": 0}, "end_step is 0"),
        ({"sam": "nonsense"}, "sam is 'nonsense'"),
        ({"median_kernel": 4}, "odd width, not 4"),
        ({"min_component_ml": -0.1}, "min_component_ml is -0.1"),
        ({"threshold": {"kind": "quantile", "quantile": 1.0}}, "quantile is 1.0"),
        ({"threshold": {"kind": "absolute", "value": -1}}, "value is -1"),
        ({"threshold": {"kind": "otsu"}}, "otsu"),
        ({"threshold": {"kind": "dynamic"}}, "needs max_divergence"),
        (
            {"threshold": {"kind": "dynamic", "low": 0.9, "high": 0.8}, "max_divergence": (1,)},
            "must not exceed",
        ),
        ({"max_divergence": (0.0,)}, "max_divergence.0 is 0.0"),
        ({"gate": True}, "gate needs a cosine_threshold"),
        ({"cosine_threshold": 2}, "cosine_threshold is 2"),
        ({"guidence": 2}, "guidence is not a known field (did you mean guidance?)"),
        ({"refinement": {"share": 0}}, "refinement.share is 0"),
        ({"refinement": {"core": -1}}, "refinement.core is -1"),
        ({"refinement": {"border": float("nan")}}, "refinement.border is nan"),
        ({"refinement": {"reach_mm": 21}}, "refinement.reach_mm is 21"),
        ({"refinement": {"smoothing_mm": 6}}, "refinement.smoothing_mm is 6"),
    ],
)
def test_values_out_of_range_become_one_sentence(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        validated(Settings, **values)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message and message.endswith(".") and "pydantic" not in message


def test_validated_takes_error_class_and_place() -> None:
    with pytest.raises(BundleError, match=r"^metadata.json: guidance is missing \(and 6 more\)"):
        validated(Calibration, raises=BundleError, where="metadata.json")


def test_calibration_gives_the_papers_settings() -> None:
    settings = Settings.from_calibration(calibration())
    assert settings.guidance == 4 and settings.gate and settings.cosine_threshold == 0.5
    assert settings.threshold == DynamicQuantile(region="image", low=0.9, high=0.98)
    assert settings.max_divergence == (1.0,)
    brain = Settings.from_calibration(calibration(), region="brain", median_kernel=1)
    assert brain.threshold == DynamicQuantile(region="brain", low=0.7, high=0.97)
    assert brain.median_kernel == 1
    default = Settings.from_calibration(calibration(region="brain"))
    assert default.threshold == brain.threshold
    assert settings.polarity == "both"


def test_calibration_brings_its_polarity() -> None:
    brighter = calibration(polarity="hyperintense")
    assert Settings.from_calibration(brighter).polarity == "hyperintense"
    assert Settings.from_calibration(brighter, polarity="both").polarity == "both"
    with pytest.raises(SettingsError, match="polarity"):
        calibration(polarity="bright")


def test_refinement_is_off_in_the_papers_setting_and_comes_with_a_calibration() -> None:
    assert Settings().refinement is None
    assert Settings.from_calibration(calibration()).refinement is None
    rule = Refinement(border=2.0)
    own = calibration(refinement=rule, refinement_source="DICE on 3 slices")
    settings = Settings.from_calibration(own)
    assert settings.refinement == rule
    assert settings.with_guidance(1.0, own).refinement == rule
    assert Settings.from_calibration(own, refinement=None).refinement is None


def test_the_reference_is_the_first_scored_modality_or_the_one_named() -> None:
    assert Refinement().reference(("flair", "t2")) == "flair"
    assert Refinement(modality="t2").reference(("flair", "t2")) == "t2"
    with pytest.raises(SettingsError, match="refine on t1, but the model scores flair, t2"):
        Settings(refinement=Refinement(modality="t1")).check_reference(("flair", "t2"))


@pytest.mark.parametrize(
    ("guidance", "cosine", "largest"),
    [(1, 0.8, 0.2), (2, 0.9, 0.4), (3, 0.7, 0.7), (4, 0.5, 1.0), (0, 0.8, 0.2), (50, 0.5, 1.0)],
)
def test_another_guidance_brings_its_own_calibration(
    guidance: float, cosine: float, largest: float
) -> None:
    settings = Settings.from_calibration(calibration(), guidance=guidance)
    assert settings.guidance == guidance
    assert settings.cosine_threshold == pytest.approx(cosine)
    assert settings.max_divergence == pytest.approx((largest,))
    without = calibration(candidates=())
    assert Settings.from_calibration(without, guidance=guidance).cosine_threshold == 0.5


@pytest.mark.parametrize("guidance", [0, 1, 3, 50])
def test_changed_guidance_brings_its_calibration_along(guidance: float) -> None:
    settings = Settings.from_calibration(calibration(), median_kernel=1)
    there = Settings.from_calibration(calibration(), guidance=guidance, median_kernel=1)
    assert settings.with_guidance(guidance, calibration()) == there
    assert there.with_guidance(4, calibration()) == settings


def test_changed_guidance_leaves_what_was_chosen_by_hand() -> None:
    chosen = Settings.from_calibration(calibration(), cosine_threshold=0.7)
    moved = chosen.with_guidance(2, calibration())
    assert (moved.guidance, moved.cosine_threshold, moved.max_divergence) == (2, 0.7, (0.4,))
    assert Settings().with_guidance(2, None) == Settings(guidance=2)
    with pytest.raises(SettingsError, match="guidance is -1"):
        chosen.with_guidance(-1, calibration())
    with pytest.raises(SettingsError, match="max_divergence"):
        nothing_seen = Candidate(
            guidance=0, cosine_threshold=0, accuracy=0.5, max_divergence=(0.0,)
        )
        chosen.with_guidance(0, calibration(candidates=(nothing_seen,)))


def test_overrides_win_and_are_checked() -> None:
    rule = AbsoluteThreshold(value=0.2)
    settings = Settings.from_calibration(calibration(), threshold=rule, gate=False)
    assert settings.threshold == rule and not settings.gate
    for wrong in ({"guidance": "much"}, {"guidance": -3}, {"region": "leg"}, {"sam": "x"}):
        with pytest.raises(SettingsError):
            Settings.from_calibration(calibration(), **wrong)
    with pytest.raises(SettingsError, match="'brain'; it has image"):
        only_image = calibration(quantile_range={"image": (0.9, 0.98)})
        Settings.from_calibration(only_image, region="brain")


@pytest.mark.parametrize(
    "values",
    [
        {"region": "brain", "quantile_range": {"image": (0.9, 0.98)}},
        {"quantile_range": {"image": (0.98, 0.9)}},
        {"quantile_range": {}},
        {"max_divergence": (1.0, 2.0)},
        {"max_divergence": (0.0,)},
        {"process": "euler"},
        {"steps": 0},
    ],
)
def test_inconsistent_calibration_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        calibration(**values)


def test_round_trip_through_json_and_differences() -> None:
    settings = Settings.from_calibration(calibration(), region="brain", end_step=83)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert Calibration.model_validate_json(calibration().model_dump_json()) == calibration()
    other = settings.model_copy(update={"guidance": 7.0, "end_step": None})
    assert settings.differences(other) == {"guidance": (4.0, 7.0), "end_step": (83, None)}
    assert settings.differences(settings) == {}
