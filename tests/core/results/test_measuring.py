"""Rulers and regions: true lengths and areas on any grid, values of the voxels within, files."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.results.measuring.files import COLUMNS, MeasurementFile, table_of
from anofpdm.results.measuring.measurement import Measurement, MeasurementKind, area_mm2
from anofpdm.results.measuring.values import measured, statistics
from anofpdm.scans.volume import Volume

SHAPE = (12, 9, 14)


def oblique() -> NDArray[np.float64]:
    """Axes permuted and flipped, 17 degrees about one axis, voxels of 0.7 x 3 x 1.1 mm."""
    angle = math.radians(17)
    turn = np.array(
        [
            [1.0, 0.0, 0.0],
            [0.0, math.cos(angle), -math.sin(angle)],
            [0.0, math.sin(angle), math.cos(angle)],
        ]
    )
    affine = np.eye(4)
    order = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    affine[:3, :3] = turn @ order @ np.diag([0.7, 3.0, 1.1])
    affine[:3, 3] = (30.0, -20.0, 10.0)
    return affine


def drawn(
    kind: MeasurementKind, first: tuple[float, ...], second: tuple[float, ...]
) -> Measurement:
    """Draw between two voxels of the volume; its second axis lies across axial slices."""
    affine = oblique()
    ends = [affine @ np.array([*voxel, 1.0]) for voxel in (first, second)]
    points = [(float(x), float(y), float(z)) for x, y, z, _ in ends]
    return Measurement(kind=kind, plane="axial", first=points[0], second=points[1])


@pytest.fixture
def volume() -> Volume:
    data = np.random.default_rng(0).normal(100, 20, SHAPE).astype(np.float32)
    return Volume(data, oblique())


def test_a_ruler_is_as_long_as_the_way_between_its_voxels() -> None:
    ruler = drawn("ruler", (2, 4, 3), (8, 4, 11))
    assert ruler.length_mm == pytest.approx(math.hypot(6 * 0.7, 8 * 1.1))
    assert area_mm2(ruler, oblique(), SHAPE) == 0.0


def test_areas_are_those_that_were_drawn() -> None:
    ends = (2.5, 4, 3.25), (8.0, 4, 11.0)
    box = 5.5 * 0.7 * 7.75 * 1.1
    assert area_mm2(drawn("rectangle", *ends), oblique(), SHAPE) == pytest.approx(box)
    assert area_mm2(drawn("ellipse", *ends), oblique(), SHAPE) == pytest.approx(box * math.pi / 4)


def test_the_values_are_those_of_the_voxels_within(volume: Volume) -> None:
    inside = volume.data[3:9, 4, 4:12]
    found = statistics(drawn("rectangle", (8.4, 4.3, 11.4), (2.6, 4.3, 3.6)), volume)
    assert found is not None and found.voxels == inside.size == 48
    values = inside.astype(np.float64)
    assert (found.mean, found.sd) == pytest.approx((values.mean(), values.std(ddof=1)))
    assert (found.minimum, found.maximum) == (inside.min(), inside.max())

    first, second = (3.0, 4.0, 2.0), (9.0, 4.0, 12.0)
    i, k = np.mgrid[: SHAPE[0], : SHAPE[2]]
    within = ((i - 6) / 3) ** 2 + ((k - 7) / 5) ** 2 <= 1
    found = statistics(drawn("ellipse", first, second), volume)
    assert found is not None and found.voxels == within.sum()
    assert found.mean == pytest.approx(volume.data[:, 4][within].mean())


def test_what_is_not_finite_or_not_there_does_not_count(volume: Volume) -> None:
    volume.data[3, 4, 4] = np.nan
    found = statistics(drawn("rectangle", (2.6, 4, 3.6), (4.4, 4, 4.4)), volume)
    assert found is not None
    assert (found.voxels, found.sd, found.mean) == (1, None, float(volume.data[4, 4, 4]))
    assert statistics(drawn("rectangle", (-5, 4, -5), (-2, 4, -2)), volume) is None
    assert statistics(drawn("ellipse", (2, 40, 2), (6, 40, 6)), volume) is None
    assert statistics(drawn("ruler", (2, 4, 2), (6, 4, 6)), volume) is None


def test_the_report_and_the_table_list_what_was_drawn(volume: Volume) -> None:
    measurements = (
        drawn("ruler", (2, 4, 3), (8, 4, 11)),
        drawn("rectangle", (2.6, 4, 3.6), (8.4, 4, 11.4)),
    )
    zero = Volume(np.zeros(SHAPE, np.float32), oblique())
    ruler, box = measured(measurements, volume, zero)
    assert (ruler["number"], ruler["kind"], ruler["length_mm"]) == (1, "ruler", 9.75)
    assert box["area_mm2"] == 34.83 and box["anomaly_map"]["maximum"] == 0.0
    assert box["plane"] == "axial" and len(box["points_mm"]) == 2
    assert measured(measurements[1:], volume, None)[0]["anomaly_map"] is None

    header, first, second = csv.reader(io.StringIO(table_of([ruler, box])))
    assert tuple(header) == COLUMNS
    assert dict(zip(header, first, strict=True))["area_mm2"] == ""
    row = dict(zip(header, second, strict=True))
    assert (row["kind"], row["scan_voxels"], row["map_mean"]) == ("rectangle", "48", "0.0")


def test_a_follow_up_on_the_same_voxels_is_measured_too(volume: Volume) -> None:
    later = Volume(volume.data * 2, volume.affine)
    [box] = measured([drawn("rectangle", (2.6, 4, 3.6), (8.4, 4, 11.4))], volume, None, later)
    assert box["follow_up"]["mean"] == pytest.approx(2 * box["scan"]["mean"])
    header, line = csv.reader(io.StringIO(table_of([box])))
    row = dict(zip(header, line, strict=True))
    assert row["follow_up_voxels"] == "48" and row["map_mean"] == ""


def test_measurements_come_back_from_their_file(tmp_path: Path) -> None:
    measurements = (drawn("ellipse", (2, 4, 3), (8, 4, 11)),)
    MeasurementFile(measurements=measurements).write(tmp_path / "m.json")
    assert MeasurementFile.read(tmp_path / "m.json").measurements == measurements
    (tmp_path / "m.json").write_text('{"format_version": 1, "measurements": [{"kind": "x"}]}')
    with pytest.raises(SettingsError, match="measure again"):
        MeasurementFile.read(tmp_path / "m.json")
