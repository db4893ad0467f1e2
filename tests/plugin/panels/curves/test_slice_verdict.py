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
            tiny_analysis, 0, gate=False, min_component_pixels=0,
            threshold=AbsoluteThreshold(value=value),
        )  # fmt: skip
        bar.show_result(fixed, shown_anyway=False)
        assert words in bar.words.text()
        assert not bar.button.isVisible()
