"""Captions stand beside their measurement, and within the canvas."""

from __future__ import annotations

import numpy as np
import pytest

from napari_anofpdm.measuring.caption import place_beside

TEXT = np.array([80.0, 20.0])
WIDE, NARROW = np.array([600.0, 400.0]), np.array([190.0, 400.0])


@pytest.mark.parametrize(
    ("canvas", "ends", "side"),
    [
        (WIDE, [(200, 200), (300, 220)], "right"),
        (WIDE, [(300, 220), (200, 200)], "right"),
        (WIDE, [(400, 200), (540, 220)], "left"),
        (NARROW, [(20, 200), (170, 220)], "above"),
        (NARROW, [(20, 15), (170, 40)], "below"),
    ],
)
def test_a_caption_covers_nothing_of_its_measurement(
    canvas: np.ndarray, ends: list[tuple[float, float]], side: str
) -> None:
    box = np.array(ends, dtype=np.float64)
    low, high = box.min(axis=0), box.max(axis=0)
    corner = place_beside(np.array([*ends, low, high], dtype=np.float64), TEXT, canvas)
    assert (corner >= 0).all() and (corner + TEXT <= canvas).all()
    assert {
        "right": corner[0] >= high[0],
        "left": corner[0] + TEXT[0] <= low[0],
        "above": corner[1] + TEXT[1] <= low[1],
        "below": corner[1] >= high[1],
    }[side]


def test_without_room_it_stays_in_the_canvas() -> None:
    ends = np.array([(5, 5), (185, 395), (5, 5), (185, 395)], dtype=np.float64)
    corner = place_beside(ends, TEXT, NARROW)
    assert (corner >= 0).all() and (corner + TEXT <= NARROW).all()
