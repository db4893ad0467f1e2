"""What a brain's intensities look like: T1, T2, FLAIR; no FLAIR is accused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from anofpdm.scans.contrast import Contrast, _depth, contrast_of
from anofpdm.scans.foreground import CleanVoxels, foreground_of
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.volume import Volume, read_volume
from anofpdm.synthetic import make_phantom

CONFIG = PreprocessingConfig(size=64, extent_mm=220.0)


def seen(volume: Volume) -> Contrast | None:
    orientation = Orientation.of_affine(volume.affine)
    values = CleanVoxels(orientation.to_canonical(volume.data))
    spacing = np.array(volume.spacing)[list(orientation.axes)]
    return contrast_of(values, foreground_of(values), spacing)


def warnings_of(volume: Volume, modality: str, **more: Volume) -> tuple[str, ...]:
    return preprocess({modality: volume}, [modality], CONFIG, **more).warnings


@pytest.fixture(scope="module")
def subject() -> dict[str, Volume]:
    return dict(make_phantom(500_012, ("flair", "t1", "t2"), spacing=(2.0, 2.0, 4.0)).volumes)


def test_each_contrast_is_recognised(subject: dict[str, Volume]) -> None:
    assert {name: seen(volume) for name, volume in subject.items()} == {
        "flair": "flair",
        "t1": "t1",
        "t2": "t2",
    }


@pytest.mark.parametrize("given", ["flair", "t1", "t2"])
@pytest.mark.parametrize("expected", ["flair", "t1", "t1ce", "t2"])
def test_only_another_contrast_than_expected_is_a_warning(
    subject: dict[str, Volume], given: str, expected: str
) -> None:
    found = warnings_of(subject[given], expected)
    if given == expected.removesuffix("ce"):
        assert found == ()
        return
    (sentence,) = found
    words = {"flair": "looks like FLAIR", "t1": "looks like T1", "t2": "looks like T2"}
    assert words[given] in sentence and f"as {expected}; check that the right" in sentence


def test_a_name_that_says_so_is_told_once(subject: dict[str, Volume]) -> None:
    named = Volume(subject["t1"].data, subject["t1"].affine, path=Path("sub-1_T1w.nii"))
    (sentence,) = warnings_of(named, "flair")
    assert "its name says t1" in sentence


def test_depth_is_the_distance_to_what_is_outside_or_beyond_the_array() -> None:
    inside = np.zeros((14, 12, 9), dtype=bool)
    inside[2:11, :7, 3:] = np.random.default_rng(0).random((9, 7, 6)) > 0.1
    size = np.array([1.0, 2.0, 3.0])
    wanted = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=size)[1:-1, 1:-1, 1:-1]
    np.testing.assert_array_equal(_depth(inside, size), wanted)
    assert not _depth(np.zeros_like(inside), size).any()


def test_what_is_no_brain_is_no_contrast() -> None:
    noise = np.random.default_rng(0).uniform(60, 120, (60, 60, 40)).astype(np.float32)
    assert seen(Volume(noise, np.diag([3.0, 3.0, 3.0, 1.0]))) is None
    assert seen(Volume(noise[:9, :9, :9], np.eye(4))) is None


@pytest.mark.parametrize(("seed", "slices"), [(510_013, 4.8), (520_000, 3.0), (520_001, 4.0)])
def test_no_synthetic_flair_is_accused(seed: int, slices: float) -> None:
    scan = make_phantom(seed, spacing=(1.3, 1.3, slices)).volumes["flair"]
    assert seen(scan) in (None, "flair")


@pytest.mark.parametrize(
    ("name", "contrast"),
    [
        ("ms/patient07/flair", "flair"),
        pytest.param("ms/patient19/flair", "flair", marks=pytest.mark.nightly),
        ("odd/flair_oblique_19deg", "flair"),
        ("stroke/flair_5mm_oblique", "flair"),
        ("ms/patient07/t1", "t1"),
        pytest.param("ms/patient19/t1", "t1", marks=pytest.mark.nightly),
        ("ms/patient19/t1ce", "t1"),
        ("healthy/t1_colin27_brain", "t1"),
        ("ms/patient07/t2", "t2"),
        pytest.param("ms/patient19/t2", "t2", marks=pytest.mark.nightly),
    ],
)
def test_real_brains_are_recognised(real_scans: Path, name: str, contrast: Contrast) -> None:
    assert seen(read_volume(real_scans / f"{name}.nii.gz")) == contrast


def test_a_real_t1_under_a_neutral_name_is_noticed(real_scans: Path) -> None:
    scan = read_volume(real_scans / "healthy/t1_colin27_brain.nii.gz")
    neutral = Volume(scan.data, scan.affine, path=Path("scan.nii.gz"))
    (sentence,) = warnings_of(neutral, "flair")
    assert sentence.startswith("scan.nii.gz looks like T1 (white matter brighter than grey matter")
