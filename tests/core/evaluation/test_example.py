"""The slice that a report shows of a scan."""

from __future__ import annotations

import numpy as np
import pytest

from anofpdm.evaluation.example import ExampleBuilder
from anofpdm.evaluation.subject import Subject
from anofpdm.results.pictures.levels import grey_window

SHAPE = (12, 10, 6)


@pytest.fixture
def subject() -> Subject:
    """Brighter from slice to slice; the lesion is in a dark one."""
    scan = np.zeros(SHAPE, dtype=np.float32)
    brain = np.zeros(SHAPE, dtype=bool)
    brain[2:10, 1:9] = True
    levels = np.random.default_rng(0).uniform(20, 100, SHAPE) * np.arange(1, 7)
    scan[brain] = levels[brain]
    truth = np.zeros(SHAPE, dtype=bool)
    truth[4:6, 3:6, 2] = True
    return Subject(
        name="a",
        patient="p",
        kind="tumour",
        scan=scan,
        truth=truth,
        brain=brain,
        spacing=(1.0, 1.0, 3.0),
        slice_ids=np.arange(6),
        labels=np.zeros(6, dtype=np.int8),
        maps={},
        predictions={},
        curves={},
    )


def test_the_slice_with_most_lesion_has_the_grey_levels_of_the_whole_scan(
    subject: Subject,
) -> None:
    example = ExampleBuilder(subject).build()
    low, high = grey_window(subject.scan)
    inside = subject.scan[2:10, 1:9, 2][::-1, ::-1].T.astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(example.scan, np.float32), np.clip((inside - low) / (high - low), 0, 1)
    )
    assert float(example.scan.max()) < 0.8  # its own brightest voxels are not white
    assert example.truth.sum() == 6
    assert example.title == "a, slice 2"
