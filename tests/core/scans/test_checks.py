"""What is no MRI is refused; what is in doubt is said in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.scans.dicom.file_set import FileSet
from anofpdm.scans.dicom.series import Series, SeriesSource
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.values import check_usable
from anofpdm.scans.volume import Volume, read_volume

CONFIG = PreprocessingConfig(size=64, extent_mm=256.0, spacing_range_mm=(1.0, 6.0))
SHAPE = (64, 72, 40)
AFFINE = np.diag([3.5, 3.5, 4.0, 1.0])


def ellipsoid(radii_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(SHAPE, (3.5, 3.5, 4.0), strict=True)]
    grids = np.meshgrid(*axes, indexing="ij")
    inside = sum((g / r) ** 2 for g, r in zip(grids, radii_mm, strict=True)) < 1
    return np.asarray(inside)


def a_brain(scale: float = 1.0) -> NDArray[np.float32]:
    inside = ellipsoid((66 * scale, 82 * scale, 62 * scale))
    return np.where(inside, np.random.default_rng(0).uniform(60, 120, SHAPE), 0).astype(np.float32)


def a_head(scale: float = 1.0) -> NDArray[np.float32]:
    """Make a brain in a dark skull under bright skin."""
    skin = ellipsoid((86 * scale, 102 * scale, 80 * scale))
    skull = ellipsoid((82 * scale, 98 * scale, 76 * scale))
    head = np.where(skin & ~skull, 100.0, 0.0) + np.where(skull, 8.0, 0.0)
    return np.where(a_brain(scale) > 0, a_brain(scale), head).astype(np.float32)


def warnings_of(
    data: NDArray[Any],
    affine: NDArray[np.float64] = AFFINE,
    path: str | None = None,
    config: PreprocessingConfig = CONFIG,
    **more: Any,
) -> tuple[str, ...]:
    volume = Volume(data, affine, "flair", None if path is None else Path(path))
    return preprocess({"flair": volume}, ["flair"], config, **more).warnings


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (np.zeros(SHAPE), "is empty"),
        (np.full(SHAPE, 7, np.int16), r"is constant \(all voxels are 7\)"),
        (np.full(SHAPE, np.nan), "contains only NaN or infinity"),
        (np.full(SHAPE, np.inf), "contains only NaN or infinity"),
        (np.where(np.arange(64)[:, None, None] > 9, np.zeros(SHAPE), np.nan), "is empty"),
        (-a_brain(), "has no positive voxel"),
        (a_brain() - 1024, r"has values down to -1024 \(100 % .*Hounsfield units of a CT"),
        (
            np.where(a_brain() > 0, 40, -1000).astype(np.int16),
            r"has values down to -1000 \(.*all of them exactly -1000\): padding, or a CT; for",
        ),
        (np.where(a_brain() > 90, a_brain(), -3024), "has values down to -3024 .*padding, or a CT"),
        (
            np.where(a_brain() > 0, a_brain() * 400, 0).astype(np.int32).astype(np.int16),
            r"has \d+ int16 values far below zero \(down to -32\d+\), where .* wrapped around",
        ),
        (
            np.where(a_brain() > 100, 40_000, 20_000).astype(np.int32).astype(np.int16),
            r"has \d+ int16 .* \(-25536 was 40000\)",
        ),
        (np.where(a_brain() > 0, a_brain(), -32768).astype(np.int16), "has .*-32768.*padding, or"),
    ],
)
def test_no_mri_is_refused_by_name(data: NDArray[Any], word: str) -> None:
    with pytest.raises(VolumeError, match=rf"^scan\.nii {word}"):
        check_usable(Volume(data, AFFINE, path=Path("scan.nii")))


def test_refusals_reach_the_caller_of_preprocess() -> None:
    with pytest.raises(VolumeError, match="is empty"):
        warnings_of(np.zeros(SHAPE))


def test_ringing_is_not_ct_and_says_nothing() -> None:
    data = a_brain()
    data[30:33, 30:33, 10:20] = -16
    assert warnings_of(data) == ()


def test_normalised_intensities_are_noticed() -> None:
    data = a_brain()
    data = np.where(data > 0, (data - 90) / 17, 0)
    assert any("normalisation" in sentence for sentence in warnings_of(data))


def test_a_brain_does_not_look_like_a_head() -> None:
    assert warnings_of(a_brain()) == ()
    assert warnings_of(a_brain(0.6)) == ()
    crop = (slice(13, -13), slice(12, -12), slice(4, -4))
    assert warnings_of(a_brain()[crop]) == ()


def test_a_slab_through_a_brain_is_not_taken_for_a_neck() -> None:
    assert warnings_of(a_brain()[:, :, 12:28]) == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (a_head(), "litres"),
        (a_head(0.85)[:, :, 9:], "like a neck"),
        (a_brain() + np.random.default_rng(1).rayleigh(2, SHAPE), "corners are not 0"),
    ],
    ids=["size", "neck", "noise"],
)
def test_a_head_is_noticed(data: NDArray[Any], reason: str) -> None:
    (sentence,) = warnings_of(data, path="scan.nii")
    assert sentence.startswith("scan.nii does not look brain-extracted") and reason in sentence


def test_a_mask_or_a_model_of_heads_needs_no_skull_warning() -> None:
    mask = Volume((a_brain() > 0).astype(np.uint8), AFFINE)
    assert warnings_of(a_head(), brain_mask=mask) == ()
    assert warnings_of(a_head(), config=CONFIG.model_copy(update={"brain_extracted": False})) == ()


def test_slice_distance_out_of_the_trained_range_is_noticed() -> None:
    thick = a_brain()[:, :, ::2]
    (sentence,) = warnings_of(thick, np.diag([3.5, 3.5, 8.0, 1.0]))
    assert "8 mm apart" in sentence and "1 to 6 mm" in sentence
    silent = CONFIG.model_copy(update={"spacing_range_mm": None})
    assert warnings_of(thick, np.diag([3.5, 3.5, 8.0, 1.0]), config=silent) == ()


def test_coarse_voxels_are_noticed() -> None:
    fine = CONFIG.model_copy(update={"size": 256})
    assert any("coarser" in sentence for sentence in warnings_of(a_brain(), config=fine))


def test_a_strong_tilt_is_noticed() -> None:
    angle = np.radians(35)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert any("tilted 35 degrees from axial" in s for s in warnings_of(a_brain(), turn @ AFFINE))


def test_a_brain_beyond_the_field_is_noticed() -> None:
    near = CONFIG.model_copy(update={"extent_mm": 130.0})
    assert any(
        "outside the model's field of view" in s for s in warnings_of(a_brain(), config=near)
    )


@pytest.mark.parametrize(
    ("name", "modality", "suspicious"),
    [
        ("sub-1_ce-gadolinium_T1w.nii", "t1ce", False),
        ("sub-1_ce-gadolinium_T1w.nii", "t1", False),
        ("sub-1_T1w.nii", "t1ce", True),
    ],
)
def test_a_contrast_agent_in_a_bids_name_makes_t1_a_t1ce(
    name: str, modality: str, suspicious: bool
) -> None:
    volume = Volume(a_brain(), AFFINE, modality, Path(name))
    assert bool(preprocess({modality: volume}, [modality], CONFIG).warnings) == suspicious


@pytest.mark.parametrize(
    ("name", "suspicious"),
    [
        ("BraTS-GLI-00000-000-t2f.nii.gz", False),
        ("BraTS-GLI-00000-000-t1n.nii.gz", True),
        ("sub-1_T2_FLAIR.nii", False),
        ("sub-1_T1w.nii", True),
        ("scan.nii", False),
    ],
)
def test_a_file_named_after_another_contrast_is_noticed(name: str, suspicious: bool) -> None:
    found = warnings_of(a_brain(), path=name)
    assert bool(found) == suspicious
    assert all("is used as flair, but its name says t1" in sentence for sentence in found)


def test_another_contrast_in_header_and_name_is_told_once() -> None:
    path = Path("sagittal_t1")
    told = "DICOM series 3 is read as flair, but its header looks like t1."

    def warnings(header: str | None, given: tuple[str, ...]) -> tuple[str, ...]:
        files = FileSet(path, (), None)
        series = Series(files, "3", "1", "2", "", "", header, (9, 9, 9), None, None)
        volume = Volume(
            a_brain(), AFFINE, "flair", path, warnings=given, source=SeriesSource(series, "0")
        )
        return preprocess({"flair": volume}, ["flair"], CONFIG).warnings

    assert warnings("t1", (told,)) == (told,)
    for header in ("flair", None):
        (by_name,) = warnings(header, ())
        assert "its name says t1" in by_name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ms/patient19/flair", marks=pytest.mark.nightly),
        "ms/patient07/flair",
        pytest.param("ms/patient19/t1", marks=pytest.mark.nightly),
        pytest.param("ms/patient19/t2", marks=pytest.mark.nightly),
        "stroke/flair_5mm_oblique",
        "stroke/dwi_float64",
        "healthy/t1_colin27_brain",
        "odd/flair_oblique_19deg",
    ],
)
def test_real_extracted_brains_raise_no_warning(real_scans: Path, name: str) -> None:
    config = PreprocessingConfig(size=128, extent_mm=220.0, spacing_range_mm=(1.0, 6.0))
    volume = read_volume(real_scans / f"{name}.nii.gz")
    assert preprocess({"scan": volume}, ["scan"], config).warnings == ()


@pytest.mark.parametrize(
    "name",
    ["ms_raw/flair_oblique_skull", "ms_raw/t1_other_grid_skull", "odd/t1_LIA_skull"],
)
def test_real_heads_are_noticed(real_scans: Path, name: str) -> None:
    config = PreprocessingConfig(size=64, extent_mm=220.0)
    volume = read_volume(real_scans / f"{name}.nii.gz")
    (sentence,) = preprocess({"scan": volume}, ["scan"], config).warnings
    assert "does not look brain-extracted" in sentence


def test_a_real_head_of_a_childs_size_is_noticed_by_its_neck(real_scans: Path) -> None:
    head = read_volume(real_scans / "odd/t1_LIA_skull.nii.gz")
    small = Volume(head.data, head.affine @ np.diag([0.8, 0.8, 0.8, 1.0]))
    config = PreprocessingConfig(size=64, extent_mm=220.0)
    (sentence,) = preprocess({"scan": small}, ["scan"], config).warnings
    assert "like a neck" in sentence
