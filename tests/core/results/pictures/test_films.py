"""Films of slices and of noise steps: their frames, sizes and colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anofpdm.analysis.analysis import Analysis
from anofpdm.common.errors import SettingsError
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.results.pictures.choosing import SliceChoice
from anofpdm.results.pictures.columns import Column
from anofpdm.results.pictures.content import Content, healthy_scan, map_label
from anofpdm.results.pictures.figures.options import FigureOptions
from anofpdm.results.pictures.film import film_of_slices, film_of_steps, save_film
from anofpdm.results.pictures.greys import network_white, to_scan
from tests.core.segmentation_cases import analysis, scan

SETTINGS = Settings(threshold=AbsoluteThreshold(value=0.01), guidance=2.0)
SMALL = FigureOptions(
    slices={"axial": SliceChoice.of("1-4")}, columns=(Column(map=True),), width_cm=4.0, dpi=60,
    font_size=5.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def stored() -> Analysis:
    return analysis()


def content() -> Content:
    volume = scan()
    return Content.of(volume, volume.data / 400, volume.data > 330)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
def test_a_film_has_a_frame_for_each_slice_and_repeats(suffix: str, tmp_path: Path) -> None:
    film = film_of_slices(content(), SMALL)
    drawn: list[tuple[int, int]] = []
    path = tmp_path / f"film{suffix}"
    save_film(path, film, 5.0, progress=lambda done, total: drawn.append((done, total)))
    assert drawn == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with Image.open(path) as image:
        assert (image.n_frames, image.info["loop"]) == (4, 0)  # type: ignore[attr-defined]
        image.seek(2)
        image.load()
        assert image.info["duration"] == 200
        shown = np.asarray(image.convert("RGB")).astype(int)
    exact = film.frames[2]().astype(int)
    assert shown.shape == exact.shape
    # 256 colours are close to all that are there.
    assert np.percentile(np.abs(shown - exact), 99) < 24


def test_steps_show_the_prediction_and_the_map_of_each_level(stored: Analysis) -> None:
    slice_id = int(stored.slice_ids[0])
    film = film_of_steps(stored, SETTINGS, slice_id, SMALL)
    assert len(film) == len(stored.timesteps)
    first, last = (film.frames[k]().astype(int) for k in (0, -1))
    assert first.shape == last.shape
    assert np.abs(first - last).max() > 100
    with pytest.raises(SettingsError, match="is not analysed; analysed are"):
        film_of_steps(stored, SETTINGS, 500, SMALL)


def test_the_healthy_scan_is_that_of_the_end_step_on_the_scans_voxels(stored: Analysis) -> None:
    """The made-up network predicts the scan, but for a block that is darker by (1 + w) gap."""
    slice_id = int(stored.slice_ids[0])
    healthy = healthy_scan(stored, SETTINGS, {slice_id: stored.timesteps[1]}, scan())
    assert healthy.shape == scan().shape
    turn = stored.geometry.orientation.to_canonical
    others = np.delete(turn(healthy), slice_id, axis=2)
    assert not others.any()
    plane = turn(healthy)[:, :, slice_id]
    white = network_white(stored, turn(scan().data))
    seen = stored.geometry.map_plane(to_scan(stored.x0[0, 0], white))
    brain = turn(stored.foreground_native)[:, :, slice_id]
    close = np.isclose(plane, seen, atol=0.03) & brain
    assert 0 < close.sum() < brain.sum()
    assert (plane[brain] <= seen[brain] + 0.03).all()


def test_maps_are_named_for_what_they_measure() -> None:
    assert map_label("H", SETTINGS) == "H (squared difference)"
    other = SETTINGS.model_copy(update={"sam": "gradient", "polarity": "hyperintense"})
    assert map_label("H", other) == "H (squared gradient, hyperintense)"


def test_what_no_film_has_is_refused(tmp_path: Path) -> None:
    film = film_of_slices(content(), SMALL)
    with pytest.raises(SettingsError, match="up to 50"):
        save_film(tmp_path / "a.gif", film, 90.0)
    with pytest.raises(SettingsError, match=r"\.gif"):
        save_film(tmp_path / "a.mp4", film)
    assert not list(tmp_path.iterdir())
