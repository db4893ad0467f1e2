"""What is said of a slice, and the button that shows it anyway."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from anofpdm import Analysis, Interpretation, interpret
from anofpdm.method.settings import AbsoluteThreshold
from napari_anofpdm.panels.curves.slice_verdict import (
    SliceVerdict,
    cosine_pair,
    gate_words,
    verdict_words,
)
from tests.plugin.patience import LONG


def result(analysis: Analysis, position: int, **changes: object) -> Interpretation:
    settings = analysis.default_settings().model_copy(update=changes)
    return interpret(analysis, settings, [position])


def test_digits_are_added_until_the_two_differ() -> None:
    assert cosine_pair(0.91, 0.95) == ("0.910", "0.950")
    assert cosine_pair(0.99612, 0.99608) == ("0.99612", "0.99608")
    assert cosine_pair(0.5, 0.5) == ("0.500000", "0.500000")


@pytest.mark.parametrize(
    ("cosine", "threshold", "gate", "words"),
    [
        (0.97, 0.95, True, "cosine 0.970 > 0.950: healthy"),
        (0.93, 0.95, True, "cosine 0.930 ≤ 0.950: unhealthy"),
        (0.93, 0.95, False, "cosine 0.930 ≤ 0.950; the gate is off"),
        (0.93, None, False, "cosine 0.9300; no threshold, the gate is off"),
    ],
)
def test_the_gate_in_words(cosine: float, threshold: float | None, gate: bool, words: str) -> None:
    assert gate_words(cosine, threshold, gate=gate) == words


def test_a_healthy_slice_offers_to_be_shown_anyway(tiny_analysis: Analysis, qtbot: QtBot) -> None:
    bar = SliceVerdict()
    qtbot.addWidget(bar)
    bar.show()
    healthy = result(tiny_analysis, 0, cosine_threshold=-1.0)
    bar.show_result(healthy, shown_anyway=False)
    assert "looks healthy" in bar.words.text()
    assert "Its mask is empty" in bar.words.text()
    with qtbot.waitSignal(
        bar.show_anyway, check_params_cb=lambda shown: shown is True, timeout=LONG
    ):
        bar.button.click()
    with qtbot.assertNotEmitted(bar.show_anyway):
        bar.show_result(healthy, shown_anyway=True)
    assert "shown anyway" in bar.words.text()


def test_an_unhealthy_slice_offers_nothing(tiny_analysis: Analysis, qtbot: QtBot) -> None:
    bar = SliceVerdict()
    qtbot.addWidget(bar)
    bar.show()
    bar.show_result(result(tiny_analysis, 0, cosine_threshold=1.0), shown_anyway=False)
    assert "looks unhealthy" in bar.words.text()
    assert not bar.button.isVisible()


def test_without_the_gate_the_cosine_decides_nothing(tiny_analysis: Analysis) -> None:
    words = verdict_words(result(tiny_analysis, 0, gate=False), shown_anyway=False)
    assert "the gate is off" in words


def test_a_fixed_threshold_decides_by_itself(tiny_analysis: Analysis, qtbot: QtBot) -> None:
    bar = SliceVerdict()
    qtbot.addWidget(bar)
    bar.show()
    for value, words in ((1e9, "healthy: no pixel of its map reaches 1e+09"),
                         (0.0, "unhealthy: a spot of its map reaches 0")):  # fmt: skip
        fixed = result(
            tiny_analysis, 0, gate=False, min_component_pixels=0, median_kernel=1,
            threshold=AbsoluteThreshold(value=value),
        )  # fmt: skip
        bar.show_result(fixed, shown_anyway=False)
        assert words in bar.words.text()
        assert not bar.button.isVisible()


@pytest.mark.parametrize(
    "changes",
    [
        {"cosine_threshold": -1.0},
        {"cosine_threshold": 1.0},
        {"gate": False, "threshold": AbsoluteThreshold(value=1e9)},
        {"gate": False, "threshold": AbsoluteThreshold(value=0.0)},
    ],
)
def test_with_the_skull_in_view_no_slice_is_called_healthy_or_unhealthy(
    tiny_analysis: Analysis, changes: dict[str, object]
) -> None:
    words = verdict_words(result(tiny_analysis, 0, **changes), shown_anyway=False, skull=True)
    assert "healthy" not in words
    assert "the skull is in view, so neither verdict nor mask can be trusted" in words
    assert "healthy" not in gate_words(0.97, 0.95, gate=True, skull=True)


FIXED: dict[str, object] = {
    "gate": False,
    "median_kernel": 1,
    "threshold": AbsoluteThreshold(value=1e-9),
}


def test_what_a_filter_takes_away_is_said(tiny_analysis: Analysis) -> None:
    all_gone = result(tiny_analysis, 0, **FIXED, min_component_pixels=10**6)
    assert not all_gone.mask.any() and (all_gone.filtered_map >= 1e-9).any()
    words = verdict_words(all_gone, shown_anyway=False)
    assert "looks healthy: what reaches 1e-09 on its map is smaller than" in words
    nothing = result(tiny_analysis, 0, gate=False, min_component_pixels=10**6)
    assert "smaller than the smallest spot and removed" in verdict_words(
        nothing, shown_anyway=False
    )


def test_a_mask_that_is_too_small_in_millilitres_is_said_to_be_gone(
    tiny_analysis: Analysis,
) -> None:
    small = result(tiny_analysis, 0, **FIXED, min_component_pixels=0, min_component_ml=500.0)
    assert small.mask.any()
    words = verdict_words(small, shown_anyway=False, kept=False)
    assert words.endswith("is not in the mask: lesions below 500 ml are removed.")
    assert "removed" not in verdict_words(small, shown_anyway=False, kept=True)
    gate = {"gate": True, "cosine_threshold": 1.0, "min_component_pixels": 0}
    gated = result(tiny_analysis, 0, **(FIXED | gate))
    assert gated.mask.any()
    assert "The threshold marks a lesion." in verdict_words(gated, shown_anyway=False, kept=True)
    outside = verdict_words(gated, shown_anyway=False, kept=False)
    assert outside.endswith("lies outside the brain and is not in the mask.")


def test_the_filtered_map_is_named(tiny_analysis: Analysis) -> None:
    words = verdict_words(
        result(tiny_analysis, 0, **(FIXED | {"median_kernel": 3})), shown_anyway=False
    )
    assert "its filtered map" in words
