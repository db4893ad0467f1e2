from __future__ import annotations

import pytest

from napari_anofpdm.widgets.scales import LinearScale, LogScale, NearOneScale, Scale

SCALES: dict[str, tuple[Scale, list[float]]] = {
    "guidance": (LogScale(1.0, 1000.0), [0.0, 0.5, 1.0, 2.0, 16.0, 64.0, 250.0, 1000.0]),
    "median": (LinearScale(1, 31, 2), [1, 3, 5, 31]),
    "quantile": (NearOneScale(0.005, 0.5), [0.5, 0.9, 0.95, 0.98, 0.985, 0.999, 1.0]),
    "cosine": (NearOneScale(0.0005, 0.0), [0.0, 0.84, 0.989, 0.9994, 1.0]),
}


@pytest.mark.parametrize("name", SCALES)
def test_a_value_is_found_at_its_place(name: str) -> None:
    scale, values = SCALES[name]
    for value in values:
        assert scale.value(scale.place(value)) == pytest.approx(value, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", SCALES)
def test_places_fill_the_slider_in_order(name: str) -> None:
    scale, values = SCALES[name]
    places = [scale.place(value) for value in values]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 1.0)
    taken = [scale.value(n / 200) for n in range(201)]
    assert taken == sorted(taken)


@pytest.mark.parametrize("name", SCALES)
def test_what_is_beyond_the_ends_is_held(name: str) -> None:
    scale, values = SCALES[name]
    assert scale.place(values[-1] + 10) == 1.0
    assert scale.place(values[0] - 10) == 0.0


def test_small_guidances_get_room() -> None:
    scale = LogScale(1.0, 1000.0)
    assert scale.place(2) > 0.1
    assert scale.place(100) < 0.7
    assert [scale.value(place) for place in (0.25, 0.5, 0.75)] == [4.6, 31.0, 180.0]


def test_medians_are_odd() -> None:
    scale = LinearScale(1, 31, 2)
    assert {scale.value(n / 50) % 2 for n in range(51)} == {1.0}
