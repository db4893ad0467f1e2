"""Figures of chosen slices: sides, positions, formats and what they refuse."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray

from anofpdm.common.errors import OutputError, SettingsError
from anofpdm.results.pictures.choosing import SliceChoice, marked_range, slice_choices
from anofpdm.results.pictures.colours import grey_pixels, with_map
from anofpdm.results.pictures.columns import Column, Look, draw_panel
from anofpdm.results.pictures.content import Content
from anofpdm.results.pictures.figures.figure import draw_figure, save_figure, slice_label
from anofpdm.results.pictures.figures.options import FigureOptions, picked_slices
from anofpdm.results.pictures.levels import grey_window
from anofpdm.results.pictures.panel import Panel, blank_axes, panel_grid
from anofpdm.results.pictures.planes import AXIS_ACROSS, SIDES, Plane
from anofpdm.scans.volume import Volume

LPS = np.diag([-2.0, -2.0, 3.0, 1.0])


def head(affine: NDArray[np.float64] = LPS, shape: tuple[int, int, int] = (30, 36, 20)) -> Volume:
    """An ellipsoid with a bright spot right, anterior and superior of its middle."""
    grid = np.indices(shape).astype(float)
    middle = (np.array(shape) - 1) / 2
    radius = sum(((grid[k] - middle[k]) / middle[k]) ** 2 for k in range(3))
    world = np.einsum("ij,j...->i...", affine[:3, :3], grid - middle[:, None, None, None])
    spot = np.linalg.norm(world - np.array([14, 16, 12])[:, None, None, None], axis=0) < 6
    return Volume(np.where(radius < 1, 100.0, 0.0) + 200.0 * spot, affine, "flair")


def content(**more: Any) -> Content:
    scan = head()
    spot = scan.data > 150
    given = {"mask": spot, "anomaly_map": spot * 0.5, "reference": spot} | more
    return Content.of(scan, title="scan.nii.gz: $1 of 2$", footer="model 1.0", **given)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_letters_stand_where_the_patient_has_his_sides(plane: Plane, mirrored: bool) -> None:
    """The spot lies right, anterior and superior: in the upper left quarter of every plane."""
    affine = LPS @ np.diag([-1.0, -1.0, -1.0, 1.0]) if mirrored else LPS
    shown = Content.of(head(affine))
    bright = np.unravel_index(np.argmax(shown.scan), shown.scan.shape)
    axes = blank_axes(Figure(), (0.0, 0.0, 1.0, 1.0))
    index = int(bright[AXIS_ACROSS[plane]])
    draw_panel(Panel(axes), shown, Look.of(shown), Column(), plane, index, 7)
    image = np.asarray(axes.images[0].get_array())[..., 0]
    rows, columns = np.nonzero(image > 150)
    assert rows.mean() < 0.4 * image.shape[0]
    assert columns.mean() < 0.4 * image.shape[1]
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert set(places) == set(SIDES[plane])
    at_left = min(places, key=lambda letter: places[letter][0])
    at_top = max(places, key=lambda letter: places[letter][1])
    assert at_left == {"axial": "R", "coronal": "R", "sagittal": "A"}[plane]
    assert at_top == {"axial": "A", "coronal": "S", "sagittal": "S"}[plane]


def test_panels_of_one_axes_keep_their_proportions_and_apart() -> None:
    """Slices of 60 x 100 mm, in rooms that are wider and rooms that are higher."""
    for size in ((12.0, 4.0), (4.0, 12.0)):
        axes = blank_axes(Figure(), (0.0, 0.0, 1.0, 1.0))
        rows = panel_grid(axes, size, (2, 3), (0.1, 0.05), 100 / 60)
        panels = [panel for row in rows for panel in row]
        assert [len(row) for row in rows] == [3, 3]
        for panel in panels:
            assert panel.height * size[1] == pytest.approx(panel.width * size[0] * 100 / 60)
            assert panel.left > -1e-9 and panel.left + panel.width < 1 + 1e-9
            assert panel.bottom > -1e-9 and panel.bottom + panel.height < 1 + 1e-9
        assert all(a.left + a.width < b.left for row in rows for a, b in pairwise(row))
        assert rows[1][0].bottom + rows[1][0].height < rows[0][0].bottom


def test_an_outline_runs_around_its_pixels() -> None:
    axes = blank_axes(Figure(), (0.0, 0.0, 1.0, 1.0))
    panel = Panel(axes, 0.2, 0.1, 0.4, 0.5)
    mask = np.zeros((10, 8), dtype=bool)
    mask[0, 5:] = True  # to the upper right corner
    panel.show(grey_pixels(mask.astype(float), (0.0, 1.0)))
    panel.outline(mask, "red")
    (image,), (line,) = axes.images, axes.collections
    assert image.get_extent() == pytest.approx([0.2, 0.6, 0.1, 0.6])
    points = np.concatenate([path.vertices for path in line.get_paths()])
    pixel = 0.05
    assert points.min(axis=0) == pytest.approx([0.2 + 5 * pixel, 0.6 - pixel])
    assert points.max(axis=0) == pytest.approx([0.6, 0.6])


def test_a_map_is_transparent_at_0_and_hides_nothing_but_what_it_marks() -> None:
    scan = grey_pixels(np.array([[0.0, 50.0, 100.0, np.nan, np.inf]]), (0.0, 100.0))
    assert scan[0, :, 0].tolist() == [0, 127, 255, 0, 255]
    nothing = with_map(scan, np.array([[0.0, 0.0, -1.0, np.nan, 0.0]]), 2.0)
    assert (nothing == scan).all()
    marked = with_map(scan, np.array([[2.0, 9.0, 0.0, 0.0, 0.0]]), 2.0)
    assert (marked[0, 2:] == scan[0, 2:]).all()
    red, green, blue = marked[0, 0].tolist()
    assert red > 200 and green > 200 and blue < red


def test_a_figure_holds_its_words_as_text(tmp_path: Path) -> None:
    options = FigureOptions(
        slices=slice_choices(["most:1", "coronal=20"], ["axial", "coronal", "sagittal"]),
        columns=(Column(), Column(map=True, mask=True), Column(reference=True)),
        dpi=50,
    )
    figure = draw_figure(content(), options)
    save_figure(tmp_path / "figure.svg", figure, 50)
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    words = re.findall(r"<text[^>]*>([^<]*)<", svg)
    (axial,) = picked_slices(content(), options)["axial"]
    for expected in (
        "scan.nii.gz: $1 of 2$", "scan", "anomaly map, mask", "reference", "20 mm", "model 1.0",
        "anomaly map H (squared difference)", "Research use only - not a medical device",
        *"RLAPSI", slice_label(content(), "axial", axial), "coronal 20 (y = -30 mm)",
    ):  # fmt: skip
        assert any(word.startswith(expected) for word in words), expected


def test_a_figure_is_as_large_as_asked_in_every_format(tmp_path: Path) -> None:
    options = FigureOptions(width_cm=12.7, dpi=60, ground="black", title="")
    figure = draw_figure(content(), options)
    for suffix in (".png", ".pdf"):
        save_figure(tmp_path / f"figure{suffix}", figure, 60)
    image = imread(tmp_path / "figure.png")
    assert image.shape[1] == 300
    assert image[0, 0, :3].tolist() == [0, 0, 0]
    pdf = (tmp_path / "figure.pdf").read_bytes()
    assert b"/FontFile2" in pdf or b"/Type0" in pdf
    first = (tmp_path / "figure.pdf").read_bytes()
    save_figure(tmp_path / "figure.pdf", figure, 60, overwrite=True)
    assert (tmp_path / "figure.pdf").read_bytes() == first
    with pytest.raises(OutputError, match="already exists"):
        save_figure(tmp_path / "figure.pdf", figure, 60)


def test_all_panels_have_one_scale() -> None:
    options = FigureOptions(slices=slice_choices(["most:2"], ["axial", "sagittal"]), dpi=50)
    figure = draw_figure(content(), options)
    look = Look.of(content())
    wide, tall = figure.get_size_inches()
    scales = set()
    for axes in figure.axes:
        if axes.images:
            rows, columns = axes.images[0].get_array().shape[:2]  # type: ignore[union-attr]
            planes = {
                (box[0].stop - box[0].start, box[1].stop - box[1].start): plane
                for plane, box in look.boxes.items()
            }
            across, down = look.millimetres(content(), planes[rows, columns])
            place = axes.get_position()
            scales |= {round(place.width * wide / across, 6), round(place.height * tall / down, 6)}
    assert len(scales) == 1


def test_words_do_not_run_into_each_other() -> None:
    """Four narrow panels under long headings, and a label longer than its panel."""
    many = tuple(Column.of(text) for text in ("scan", "map+mask", "mask+reference", "map"))
    for columns, width in ((many, 8.0), ((Column(),), 6.0)):
        options = FigureOptions(
            slices=slice_choices(["8-11"], ["axial", "coronal"]), columns=columns, width_cm=width,
            dpi=100, title="A title that is much longer than the figure is wide, by far",
        )  # fmt: skip
        figure = draw_figure(content(), options)
        canvas: Any = figure.canvas
        canvas.draw()
        boxes = [
            text.get_window_extent()
            for text in figure.texts
            if not text.get_text().startswith(("Research", "model"))
        ]
        assert all(box.x1 <= figure.bbox.x1 + 1 for box in boxes)
        for place, box in enumerate(boxes):
            for other in boxes[place + 1 :]:
                apart = min(box.x1, other.x1) - max(box.x0, other.x0)
                above = min(box.y1, other.y1) - max(box.y0, other.y0)
                assert apart < 2 or above < 3


def _bar_label(figure: Figure) -> Any:
    """Return the words at the colour bar, the only axes with a label at its side."""
    (label,) = (axes.yaxis.label for axes in figure.axes if axes.get_ylabel())
    return label


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("size", [5.0, 7.0, 12.0])
@pytest.mark.parametrize("width", [7.0, 17.0])
def test_the_words_at_the_colour_bar_fit(rows: int, size: float, width: float) -> None:
    options = FigureOptions(
        slices=slice_choices([f"even:{3 * rows}"], ["axial"]), width_cm=width, dpi=100,
        columns=(Column(), Column(map=True, mask=True)), font_size=size,
    )  # fmt: skip
    figure = draw_figure(content(), options)
    canvas: Any = figure.canvas
    canvas.draw()
    label = _bar_label(figure)
    box = label.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    others = [text.get_window_extent() for text in figure.texts]
    others += [legend.get_window_extent() for legend in figure.legends]
    assert len(others) >= 4
    assert all(not box.overlaps(other) for other in others)
    assert box.y0 >= 0 and box.y1 <= figure.bbox.y1


def test_a_low_figure_has_short_words_at_the_colour_bar() -> None:
    """The whole name stands where it fits."""
    found = []
    for rows in (1, 3):
        options = FigureOptions(
            slices=slice_choices([f"even:{3 * rows}"], ["axial"]),
            columns=(Column(), Column(map=True, mask=True)), dpi=50,
        )  # fmt: skip
        found.append(_bar_label(draw_figure(content(), options)).get_text())
    assert found == ["anomaly map H", "anomaly map H (squared difference)"]


@pytest.mark.parametrize("width", [6.0, 8.0, 17.0])
def test_headings_are_whole_words_and_stand_once_above_columns(width: float) -> None:
    """Axial and coronal panels are equally wide, sagittal ones are not."""
    columns = tuple(Column.of(text) for text in ("scan", "healthy", "mask+reference"))
    options = FigureOptions(
        slices=slice_choices(["most:2"], ["axial", "coronal", "sagittal"]), columns=columns,
        width_cm=width, dpi=100,
    )  # fmt: skip
    figure = draw_figure(content(healthy=head().data), options)
    words = " ".join(t.get_text() for t in figure.texts if t.get_fontweight() == "bold").split()
    assert set(words[4:]) == {"scan", "healthy", "prediction", "mask,", "reference"}
    above = [text for text in figure.texts if text.get_text() == "scan"]
    assert len({round(text.get_position()[1], 3) for text in above}) == 2


def test_slices_are_chosen_by_number_by_lesion_or_evenly() -> None:
    marked = np.zeros(40, dtype=int)
    marked[10:30] = 5
    marked[15] = 9

    def picked(text: str, area: NDArray[Any] = marked) -> list[int]:
        return SliceChoice.of(text).picked(area, (2, 37), "axial")

    assert picked("7,3") == [7, 3]
    assert picked("3-9:3, 5") == [3, 6, 9, 5]
    assert picked("most:1") == [15]
    assert picked("even:4") == [12, 17, 22, 27]
    assert picked("even:2", np.zeros(40)) == [10, 28]
    assert picked("most:3", np.zeros(40)) == picked("even:3", np.zeros(40))
    assert marked_range(marked).numbers == tuple(range(10, 30))
    with pytest.raises(SettingsError, match=r"no axial slice 40; it has 0 to 39"):
        picked("38-40")
    for wrong in ("", "a", "9-3", "most:0", "3-9:0", "most"):
        with pytest.raises(SettingsError, match="names no slices"):
            SliceChoice.of(wrong)
    with pytest.raises(SettingsError, match="shown are axial"):
        slice_choices(["coronal=3"], ["axial"])


def test_positions_are_in_mm_unless_the_scan_is_oblique() -> None:
    straight = Content.of(head())
    assert slice_label(straight, "axial", 4) == "axial 4 (z = +12 mm)"
    turned = np.array([[1, 0, 0, 0], [0, 0.97, -0.24, 0], [0, 0.24, 0.97, 0], [0, 0, 0, 1]]) @ LPS
    oblique = Content.of(head(turned))
    assert slice_label(oblique, "axial", 4) == "axial 4"
    assert slice_label(oblique, "sagittal", 4) == "sagittal 4 (x = -50 mm)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width_cm": 500.0}, "width"),
        ({"dpi": 5}, "dpi"),
        ({"window": (3.0, 3.0)}, "empty"),
        ({"map_max": 0.0}, "above 0"),
        ({"columns": ()}, "at least one"),
    ],
)
def test_values_that_no_page_has_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        FigureOptions(**options)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--keep-analysis"):
        draw_figure(content(), FigureOptions(columns=(Column.of("healthy"),)))
    with pytest.raises(SettingsError, match="--reference"):
        draw_figure(content(reference=None), FigureOptions(columns=(Column.of("reference"),)))
    with pytest.raises(SettingsError, match="'lesion' in the column"):
        Column.of("map+lesion")
    with pytest.raises(SettingsError, match=r"none of \.png, \.svg, \.pdf"):
        save_figure(tmp_path / "a.jpg", draw_figure(content(), FigureOptions()), 50)
    with pytest.raises(SettingsError, match="fewer slices"):
        draw_figure(content(), FigureOptions(width_cm=100.0, dpi=1200))
    with pytest.raises(SettingsError, match="shape"):
        content(mask=np.zeros((3, 3, 3)))


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_the_window_ends_at_a_percentile_of_what_is_above_zero(dtype: str) -> None:
    scan = np.random.default_rng(3).integers(-50, 900, (9, 8, 7)).astype(dtype)
    kept = scan.copy()
    if dtype == "float32":
        scan[0, 0, :3] = kept[0, 0, :3] = np.nan, np.inf, -np.inf
    finite = scan[np.isfinite(scan)]
    assert grey_window(scan) == (0.0, float(np.percentile(finite[finite > 0], 99.5)))
    np.testing.assert_array_equal(scan, kept)
    assert grey_window(np.full((2, 2, 2), -3.0)) == (-3.0, -2.0)
