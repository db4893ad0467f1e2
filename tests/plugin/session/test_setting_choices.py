from __future__ import annotations

from typing import get_args

from anofpdm.method.calibration import Polarity, Region
from anofpdm.method.settings import (
    AbsoluteThreshold,
    DynamicQuantile,
    ManualQuantile,
    Sam,
)
from napari_anofpdm.session.setting_choices import (
    MAP_CHOICES,
    POLARITY_CHOICES,
    REGION_CHOICES,
    THRESHOLD_CHOICES,
)


def test_every_choice_has_words() -> None:
    assert set(MAP_CHOICES) == set(get_args(Sam))
    assert set(POLARITY_CHOICES) == set(get_args(Polarity))
    assert set(REGION_CHOICES) == set(get_args(Region))
    rules = (DynamicQuantile, ManualQuantile, AbsoluteThreshold)
    assert set(THRESHOLD_CHOICES) == {rule.model_fields["kind"].default for rule in rules}
