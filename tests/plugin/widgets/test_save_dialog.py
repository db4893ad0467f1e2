from __future__ import annotations

from pathlib import Path

import pytest

from napari_anofpdm.widgets.save_dialog import with_suffix

FILTERS = "SVG picture (*.svg);;PNG picture (*.png)"
TABLE = "CSV table (*.csv)"


@pytest.mark.parametrize(
    ("name", "picked", "filters", "expected"),
    [
        ("a", "PNG picture (*.png)", FILTERS, "a.png"),
        ("a", "", FILTERS, "a.svg"),
        ("a.SVG", "PNG picture (*.png)", FILTERS, "a.SVG"),
        ("patient.1", TABLE, TABLE, "patient.1.csv"),
        ("curves.png", TABLE, TABLE, "curves.png.csv"),
    ],
)
def test_a_bare_name_gets_the_suffix_picked(
    name: str, picked: str, filters: str, expected: str
) -> None:
    assert with_suffix(Path(name), picked, filters) == Path(expected)
