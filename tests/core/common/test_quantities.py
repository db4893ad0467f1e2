"""Volumes in tables have four decimals, in every table."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anofpdm.cohorts.bids.dataset import write_group_table
from anofpdm.cohorts.table import write_rows
from anofpdm.common.quantities import rounded_volume
from anofpdm.results.follow_up.files import write_change_csv
from anofpdm.results.follow_up.matching import compare_lesions
from anofpdm.results.follow_up.section import changes_of
from anofpdm.results.lesion_csv import write_lesion_csv
from anofpdm.results.lesions import find_lesions
from anofpdm.results.report import lesions_of

VOLUME = 60.157329583276734
ROW = {"scan": "sub-01", "volume_ml": VOLUME, "lesions": 2, "largest_ml": VOLUME / 3,
       "unhealthy_slices": 3, "slices": 9, "seconds": 1.5, "warnings": []}  # fmt: skip
AFFINE = np.diag([0.7123456, 0.7123456, 3.1, 1.0])


def lines_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def mask(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    marked = np.zeros((12, 12, 6), dtype=np.uint8)
    marked[2 : 2 + size, 2:7, 1:4] = 1
    return marked


@pytest.mark.parametrize(
    ("ml", "given"), [(VOLUME, "60.1573"), (0.00012, "0.0001"), (-1e-9, "0.0"), (2, "2.0")]
)
def test_a_volume_has_four_decimals(ml: float, given: str) -> None:
    assert str(rounded_volume(ml)) == given


def test_the_tables_of_a_cohort_are_rounded(tmp_path: Path) -> None:
    write_rows(tmp_path / "summary.csv", [ROW])
    write_group_table(tmp_path, [ROW], {"sub-01": []})
    for row in (*lines_of(tmp_path / "summary.csv"), *lines_of(tmp_path / "scans.tsv", "\t")):
        assert (row["volume_ml"], row["largest_ml"]) == ("60.1573", "20.0524")


def test_the_tables_of_lesions_are_rounded_and_their_json_is_not(tmp_path: Path) -> None:
    before, after = (find_lesions(mask(size), AFFINE) for size in (4, 5))
    listed = lesions_of(before)["components"]
    write_lesion_csv(tmp_path / "lesions.csv", listed)
    section = json.loads(json.dumps(changes_of(compare_lesions(before, after, AFFINE))))
    write_change_csv(tmp_path / "follow_up.csv", section)
    (lesion,), (change,) = (lines_of(tmp_path / f"{name}.csv") for name in ("lesions", "follow_up"))
    voxel = 0.7123456**2 * 3.1 / 1000
    assert listed[0]["volume_ml"] == section["lesions"][0]["baseline_ml"]
    assert listed[0]["volume_ml"] == pytest.approx(60 * voxel, rel=1e-12)
    assert lesion["volume_ml"] == change["baseline_ml"] == change["overlap_ml"] == "0.0944"
    assert (change["follow_up_ml"], change["change_ml"]) == ("0.118", "0.0236")
    assert change["change_percent"] == "25.0"
