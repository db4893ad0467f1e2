"""A comparison of two time points is read as it was written, or refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from anofpdm.common.errors import AnalysisError
from anofpdm.results.follow_up.stored import holds_follow_up, read_follow_up
from tests.core.follow_up_cases import comparison, written


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    found, read = comparison(), read_follow_up(written(tmp_path))
    assert holds_follow_up(tmp_path)
    assert read.changes.table == found.changes.table
    assert read.changes.margin == found.changes.margin
    assert read.report == found.report
    np.testing.assert_array_equal(read.changes.labels, found.changes.labels)
    for time_point in found.examinations:
        np.testing.assert_array_equal(read.mask(time_point), found.mask(time_point))
        np.testing.assert_array_equal(read.scan(time_point).data, found.scan(time_point).data)
        np.testing.assert_allclose(read.scan(time_point).affine, found.scan("baseline").affine)


@pytest.mark.parametrize("name", ["baseline_flair", "follow_up_mask", "changes"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (written(tmp_path) / f"{name}.nii.gz").unlink()
    with pytest.raises(AnalysisError, match=rf"{name}\.nii\.gz is missing; run anofpdm follow-up"):
        read_follow_up(tmp_path)


def test_a_report_of_another_command_is_refused(tmp_path: Path) -> None:
    report = written(tmp_path) / "report.json"
    report.write_text(json.dumps({"format_version": 1, "lesions": {}}), encoding="utf-8")
    with pytest.raises(AnalysisError, match="modalities is missing"):
        read_follow_up(tmp_path)


def test_lesions_that_the_image_lacks_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path) / "report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    report["changes"]["lesions"].pop()
    path.write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(AnalysisError, match="list different lesions"):
        read_follow_up(tmp_path)
