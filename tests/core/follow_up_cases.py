"""A comparison of two examinations with a lesion of every state, made without the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anofpdm.preprocessing.chain import PreparedScans
from anofpdm.results.follow_up.comparison import Examination, FollowUp
from anofpdm.results.follow_up.files import write_follow_up
from anofpdm.results.follow_up.matching import compare_lesions
from anofpdm.results.follow_up.section import changes_of
from anofpdm.results.lesions import find_lesions
from anofpdm.scans.volume import Volume

SHAPE = (30, 40, 24)
AFFINE = np.diag([-2.0, 1.5, 4.0, 1.0])
NOTE = "b.nii.gz was not resampled: it lies within 0.1 voxels of the baseline."
Box = tuple[slice, slice, slice]


def _box(*corner: int, size: int) -> Box:
    i, j, k = (slice(start, start + size) for start in corner)
    return i, j, k


BEFORE = (_box(6, 6, 5, size=4), _box(6, 20, 5, size=5), _box(18, 8, 10, size=3))
AFTER = (_box(6, 6, 5, size=4), _box(6, 20, 5, size=7), _box(18, 26, 10, size=4))
"""Lesions that are unchanged, grown, gone and new."""


def comparison(*, twice: bool = False) -> FollowUp:
    """Return the comparison of two scans of random brains, or of one scan `twice`."""
    masks = [_mask(boxes) for boxes in (BEFORE, BEFORE if twice else AFTER)]
    before, after = (find_lesions(mask, AFFINE) for mask in masks)
    changes = compare_lesions(before, after, AFFINE)
    random = np.random.default_rng(0)
    scans = []
    for mask in masks:
        data = np.zeros(SHAPE, dtype=np.float32)
        data[3:27, 4:36, 3:21] = random.uniform(50, 100, (24, 32, 18))
        scans.append(Volume(data + 80 * mask, AFFINE, "flair"))
    examinations = [
        Examination(PreparedScans({"flair": scan}), mask)
        for scan, mask in zip(scans, masks, strict=True)
    ]
    report = {
        "format_version": 1,
        "warnings": [],
        "modalities": ["flair"],
        "shown": "flair",
        "registration": {"passed": True, "scans": [], "resampled": False, "note": NOTE},
        "changes": changes_of(changes),
    }
    return FollowUp(
        {"baseline": examinations[0], "follow_up": examinations[1]}, changes, "flair", report
    )


def written(folder: Path) -> Path:
    """Write the comparison into a folder."""
    write_follow_up(folder, comparison())
    return folder


def _mask(boxes: tuple[Box, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for box in boxes:
        mask[box] = 1
    return mask
