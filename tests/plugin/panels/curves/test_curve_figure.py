"""The figure of one slice."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from anofpdm import Analysis, interpret
from anofpdm.common.errors import OutputError
from anofpdm.results.native import to_native
from napari_anofpdm.panels.curves.curve_figure import save_figure
from napari_anofpdm.plots.slice_row import slice_row


@pytest.mark.parametrize("gate", [True, False])
def test_svg_and_png_are_whole_pictures(
    tiny_analysis: Analysis, tmp_path: Path, gate: bool
) -> None:
    settings = tiny_analysis.default_settings().model_copy(update={"gate": gate})
    volume = interpret(tiny_analysis, settings)
    row = slice_row(tiny_analysis, volume, to_native(tiny_analysis, volume))
    result = interpret(tiny_analysis, settings, [1])
    for name in ("slice.svg", "slice.PNG"):
        save_figure(tmp_path / name, tiny_analysis, result, 1, row)
    root = ElementTree.parse(tmp_path / "slice.svg").getroot()
    assert root.tag.endswith("svg")
    with Image.open(tmp_path / "slice.PNG") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) >= 1000


def test_a_read_only_folder_ends_in_one_sentence(tiny_analysis: Analysis, tmp_path: Path) -> None:
    result = interpret(tiny_analysis, tiny_analysis.default_settings(), [0])
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(OutputError, match=r"cannot be written"):
        row = slice_row(tiny_analysis, result, None)
        save_figure(blocked / "slice.svg", tiny_analysis, result, 0, row)
