from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import JsonValue

from anofpdm.analysis.step_maps import step_maps
from anofpdm.method.interpretation import interpret
from anofpdm.method.settings import Sam, Settings
from tests.core.segmentation_cases import analysis

POSITION = 1


@pytest.mark.parametrize("sam", ["sam", "gradient", "weighted_gradient", "sam_at_end"])
def test_the_steps_up_to_the_end_make_the_map(sam: Sam) -> None:
    made = analysis()
    settings = Settings(guidance=3.0, sam=sam, end_step=made.timesteps[2])
    expected = interpret(made, settings, [POSITION]).maps[0]
    steps = [step_maps(made, settings, POSITION, k).sam for k in range(3)]
    aggregated = steps[-1] if sam == "sam_at_end" else np.mean(steps, axis=0)
    assert expected.max() > 0
    np.testing.assert_allclose(aggregated, expected, rtol=1e-6)


def test_the_predictions_are_those_of_the_error_curves() -> None:
    made = analysis()
    settings = Settings(guidance=3.0)
    curves = interpret(made, settings, [POSITION])
    x0 = made.x0[POSITION]
    for k in range(len(made.timesteps)):
        maps = step_maps(made, settings, POSITION, k)
        assert np.abs(maps.healthy).max() <= 1
        for prediction, curve in (
            (maps.healthy, curves.mse_healthy),
            (maps.unguided, curves.mse_null),
        ):
            assert ((prediction - x0) ** 2).mean() == pytest.approx(
                curve[0, 0, k], rel=1e-5, abs=1e-9
            )
        assert ((maps.healthy - maps.unguided) ** 2).mean() == pytest.approx(
            curves.divergence[0, 0, k], rel=1e-5
        )


@pytest.mark.parametrize(
    ("training", "guidance"),
    [
        ({}, 3.0),
        ({"config": None}, 3.0),
        ({"config": {"counterfactual_fraction": 0.0}}, 3.0),
        ({"config": {"counterfactual_fraction": 0.5}}, 0.0),
    ],
)
def test_a_model_of_counterfactual_twins_shows_its_plain_prediction(
    training: dict[str, JsonValue], guidance: float
) -> None:
    made = analysis()
    bundle = made.metadata.bundle.model_copy(update={"training": training})
    metadata = made.metadata.model_copy(update={"bundle": bundle})
    changed = replace(made, metadata=metadata)
    assert metadata.picture_guidance(3.0) == guidance
    for k in range(len(made.timesteps)):
        found = step_maps(changed, Settings(guidance=3.0), POSITION, k)
        plain = step_maps(made, Settings(guidance=guidance), POSITION, k)
        guided = step_maps(made, Settings(guidance=3.0), POSITION, k)
        np.testing.assert_array_equal(found.healthy, plain.healthy)
        np.testing.assert_array_equal(found.sam, guided.sam)


def test_looking_leaves_the_analysis_alone() -> None:
    made = analysis()
    before = [array.copy() for array in made.steps_of(POSITION)]
    step_maps(made, Settings(guidance=50.0), POSITION, 3)
    for array, was in zip(made.steps_of(POSITION), before, strict=True):
        np.testing.assert_array_equal(array, was)


def test_a_step_beyond_the_grid_is_refused() -> None:
    with pytest.raises(IndexError, match=r"step 4 lies outside 0\.\.3"):
        step_maps(analysis(), Settings(), POSITION, 4)
