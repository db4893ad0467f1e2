"""Synthetic subjects: repeatable, known truth, and the properties that a model learns from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from anofpdm.common.errors import SettingsError
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import Intensity, PreprocessingConfig
from anofpdm.scans.volume import read_volume
from anofpdm.synthetic import make_phantom, write_phantom
from anofpdm.synthetic.anatomy import draw_anatomy, grid_for
from anofpdm.synthetic.dataset import build_phantom_dataset
from anofpdm.synthetic.fields import Grid, smooth_noise
from anofpdm.synthetic.lesions import LESION_KINDS, Plan, draw_lesions, draw_plan
from anofpdm.synthetic.phantom import draw_subject
from anofpdm.synthetic.slices import cut_slices, slice_labels
from anofpdm.synthetic.streams import Stream
from anofpdm.synthetic.template import load_template
from tests.core.cohorts import coarse_training_phantoms

COARSE = (3.0, 3.0, 4.0)
CPU = torch.device("cpu")
DATASET_GRID = PreprocessingConfig(size=32, extent_mm=208.0)


def test_a_seed_gives_the_same_subject_twice() -> None:
    first, second = (make_phantom(11, spacing=COARSE) for _ in range(2))
    assert np.array_equal(first.volumes["flair"].data, second.volumes["flair"].data)
    assert np.array_equal(first.lesion.data, second.lesion.data)
    assert first.description == second.description


def test_seeds_differ() -> None:
    first, second = (make_phantom(seed, spacing=COARSE) for seed in (11, 12))
    assert not np.array_equal(first.volumes["flair"].data, second.volumes["flair"].data)


def test_the_lesion_does_not_depend_on_the_modalities_asked_for() -> None:
    alone = make_phantom(5, ["t2"], healthy=False, spacing=COARSE)
    among = make_phantom(5, ["flair", "t1", "t2"], healthy=False, spacing=COARSE)
    assert np.array_equal(alone.lesion.data, among.lesion.data)
    assert np.array_equal(alone.volumes["t2"].data, among.volumes["t2"].data)
    assert set(among.volumes) == {"flair", "t1", "t2"}


def test_healthy_subjects_have_no_lesion_and_others_do() -> None:
    healthy = make_phantom(3, healthy=True, spacing=COARSE)
    assert not healthy.lesion.data.any()
    assert healthy.description["kind"] == "healthy"
    assert make_phantom(3, healthy=False, spacing=COARSE).lesion.data.any()


def test_lesions_are_mostly_brighter_on_flair_and_always_inside_the_brain() -> None:
    brighter = []
    for seed in range(8):
        phantom = make_phantom(seed, healthy=False, spacing=COARSE, twins=True)
        scan, lesion = phantom.volumes["flair"].data, phantom.lesion.data.astype(bool)
        assert scan.dtype == np.float32
        assert (scan >= 0).all()
        assert (scan[lesion] > 0).all()
        twin = phantom.twins["flair"].data
        brighter.append(np.median(scan[lesion]) / np.median(twin[lesion]) if lesion.any() else 1.0)
    assert np.median(brighter) > 1.1
    assert min(brighter) > 0.5


@pytest.mark.parametrize("kind", LESION_KINDS)
def test_the_kind_of_lesion_can_be_chosen_and_leaves_the_rest_to_the_seed(kind: str) -> None:
    chosen = make_phantom(1, kind=kind, spacing=COARSE)
    assert chosen.description["kind"] == kind
    assert chosen.lesion.data.any()
    drawn = draw_plan(Stream(8))
    again = draw_plan(Stream(8), drawn.kind)
    assert (again.volume_ml, list(again.centre)) == (drawn.volume_ml, list(drawn.centre))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "cyst"}, "tumour, infarct, ms.*got cyst"),
        ({"kind": "ms", "healthy": True}, "no lesions of the kind ms"),
    ],
)
def test_kinds_that_cannot_be_drawn_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        make_phantom(3, spacing=COARSE, **wrong)


def test_background_is_exactly_zero() -> None:
    scan = make_phantom(4, spacing=COARSE).volumes["flair"].data
    assert not scan[:: scan.shape[0] - 1, :: scan.shape[1] - 1, :: scan.shape[2] - 1].any()
    assert 0.3 < (scan == 0).mean() < 0.9


def test_the_grid_is_ras_with_the_spacing_asked_for() -> None:
    volume = make_phantom(4, spacing=COARSE).volumes["flair"]
    assert np.allclose(np.diag(volume.affine)[:3], COARSE)
    assert volume.spacing == pytest.approx(COARSE)
    centre = volume.affine @ [*(np.array(volume.shape) - 1) / 2, 1]
    assert np.abs(centre[:3]).max() <= max(COARSE)


def test_brains_have_the_size_of_adults() -> None:
    """In millilitres with fluid and what an extraction leaves; and no brain is cut by the grid."""
    volumes = []
    for seed in range(12):
        mask = draw_subject(seed, healthy=True, spacing=COARSE).mask
        volumes.append(float(mask.sum()) * np.prod(COARSE) / 1000)
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()
        assert not mask[:, :, -1].any()  # below, the brain stem goes on
    assert 950 < min(volumes) < 1250
    assert 1350 < np.mean(volumes) < 1600
    assert 1700 < max(volumes) < 2100


def test_truth_volume_is_what_the_description_says() -> None:
    phantom = make_phantom(9, healthy=False, spacing=COARSE)
    ml = phantom.lesion.data.sum() * np.prod(COARSE) / 1000
    assert phantom.description["lesion_ml"] == pytest.approx(ml)


def test_planned_volumes_span_a_twentieth_to_a_hundred_millilitres() -> None:
    plans = [draw_plan(Stream(seed)) for seed in range(500)]
    volumes = np.array([plan.volume_ml for plan in plans])
    assert volumes.min() >= 0.05
    assert volumes.max() <= 110.0
    assert (volumes < 0.5).any()
    assert (volumes > 60).any()
    assert {plan.kind for plan in plans} == {"tumour", "infarct", "ms", "vascular", "spots"}


@pytest.mark.parametrize(("kind", "low", "high"), [("tumour", 12, 75), ("infarct", 8, 60),
                                                   ("ms", 8, 60), ("vascular", 8, 60)])  # fmt: skip
def test_a_lesion_has_about_the_volume_it_was_planned_with(
    kind: str, low: float, high: float
) -> None:
    plan = Plan(kind, 30.0, np.array([28.0, 0.0, 30.0]), None)
    volumes = []
    for seed in range(6):
        anatomy = draw_anatomy(Stream(seed, 0), grid_for(COARSE, CPU))
        maps = draw_lesions(Stream(seed, 1), anatomy, plan)
        volumes.append(float((maps.extent >= 0.5).sum()) * anatomy.grid.voxel_ml)
    assert low < np.median(volumes) < high


def test_tissue_fractions_add_up_to_the_brain() -> None:
    anatomy = draw_anatomy(Stream(0), grid_for(COARSE, CPU))
    total = anatomy.grey + anatomy.white + anatomy.csf
    assert torch.allclose(total, anatomy.brain, atol=1e-4)
    assert min(float(t.min()) for t in (anatomy.grey, anatomy.white, anatomy.csf)) >= 0


def test_age_widens_the_ventricles_and_thins_the_tissue() -> None:
    drawn = [draw_anatomy(Stream(seed), grid_for((5.0, 5.0, 5.0), CPU)) for seed in range(24)]
    ages = [anatomy.age for anatomy in drawn]
    fluid = [float(anatomy.csf.sum() / anatomy.brain.sum()) for anatomy in drawn]
    assert np.corrcoef(ages, fluid)[0, 1] > 0.5


def test_ventricles_lie_deep_and_on_both_sides() -> None:
    template = load_template()
    ventricle = template.ventricle_distance < 1.0
    x = template.affine[0, 0] * np.argwhere(ventricle)[:, 0] + template.affine[0, 3]
    assert (x < -3).any()
    assert (x > 3).any()
    assert template.depth[ventricle].min() > 15


def test_smooth_noise_has_unit_variance_and_the_correlation_asked_for() -> None:
    field = smooth_noise(Stream(0), Grid((80, 80, 80), (1.0, 1.0, 1.0), CPU), 4.0).numpy()
    assert abs(float(field.mean())) < 0.15
    assert 0.7 < float(field.std()) < 1.2
    near = np.corrcoef(field[:-2].ravel(), field[2:].ravel())[0, 1]
    far = np.corrcoef(field[:-24].ravel(), field[24:].ravel())[0, 1]
    # White noise under a Gaussian kernel: exp(-d^2 / (4 sigma^2)).
    assert near == pytest.approx(np.exp(-4 / 64), abs=0.03)
    assert abs(far) < 0.25


def test_another_grid_samples_the_same_field() -> None:
    fine = smooth_noise(Stream(3), Grid((61, 61, 61), (1.0, 1.0, 1.0), CPU), 6.0)
    coarse = smooth_noise(Stream(3), Grid((31, 31, 21), (2.0, 2.0, 3.0), CPU), 6.0)
    assert torch.allclose(fine[::2, ::2, ::3], coarse, atol=1e-4)


def test_white_noise_is_standard_normal_and_differs_between_streams() -> None:
    numbers = Stream(1).white((400_000,), CPU)
    assert float(numbers.mean()) == pytest.approx(0.0, abs=0.01)
    assert float(numbers.std()) == pytest.approx(1.0, abs=0.01)
    assert float((numbers**4).mean()) == pytest.approx(3.0, abs=0.1)
    assert abs(float((numbers[1:] * numbers[:-1]).mean())) < 0.01
    other = Stream(1, 0).white((400_000,), CPU)
    assert abs(float((numbers * other).mean())) < 0.01
    assert torch.equal(numbers, Stream(1).white((400_000,), CPU))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_draws_the_same_subject() -> None:
    here = make_phantom(5, healthy=False, spacing=COARSE)
    there = make_phantom(5, healthy=False, spacing=COARSE, device="cuda")
    scale = here.volumes["flair"].data.max()
    apart = np.abs(here.volumes["flair"].data - there.volumes["flair"].data) / scale
    assert np.quantile(apart, 0.999) < 1e-3


def test_one_spacing_shows_the_subject_that_another_shows() -> None:
    first = make_phantom(5, healthy=False, spacing=COARSE)
    second = make_phantom(5, healthy=False, spacing=(2.5, 2.5, 4.0))
    volumes = [p.description["lesion_ml"] for p in (first, second)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.15)


def test_write_phantom_leaves_readable_files(tmp_path: Path) -> None:
    phantom = write_phantom(53, tmp_path, ["flair", "t1"], healthy=False)
    for name in ("flair", "t1"):
        volume = read_volume(tmp_path / f"{name}.nii.gz")
        assert np.array_equal(volume.data, phantom.volumes[name].data)
        assert np.allclose(volume.affine, phantom.volumes[name].affine, atol=1e-4)
    assert np.array_equal(read_volume(tmp_path / "lesion.nii.gz").data, phantom.lesion.data)
    assert json.loads((tmp_path / "phantom.json").read_text())["seed"] == 53


@pytest.mark.parametrize(
    ("seed", "modalities", "word"), [(-1, ["flair"], "-1"), (0, ["pet"], "pet"), (0, [], "none")]
)
def test_wrong_requests_are_refused(seed: int, modalities: list[str], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        make_phantom(seed, modalities)


@pytest.mark.parametrize("lesion_mm2", [0.0, 100.0])
def test_slice_labels_follow_the_area_that_pixels_show(lesion_mm2: float) -> None:
    share = np.zeros((4, 8, 8))
    share[1, 0, 0] = 0.4
    share[2, :3, :3] = 0.6
    share[3, :5, :5] = 0.5
    # Nine pixels of 10 mm2 are too few; a lesion that fills none by half is still one.
    few = 1 if lesion_mm2 == 0 else -1
    assert slice_labels(share, (2.0, 5.0), lesion_mm2).tolist() == [0, few, few, 1]


def test_phantoms_slices_are_labelled_from_their_truth() -> None:
    config = PreprocessingConfig(size=64, extent_mm=208.0)
    drawn = draw_subject(1, healthy=False, spacing=COARSE)
    part = cut_slices(drawn, ["flair"], config, lesion_mm2=100.0)
    area = part.truth.numpy().sum(axis=(1, 2)) * (208.0 / 64) ** 2
    np.testing.assert_array_equal(part.labels == 1, area >= 100.0)
    assert not area[part.labels == 0].any()
    assert {0, 1} <= set(part.labels.tolist())


@pytest.mark.parametrize("intensity", ["volume_p99", "volume_median"])
def test_slices_are_cut_as_preprocessing_cuts_a_scan(intensity: Intensity) -> None:
    names = ["flair", "t1"]
    config = PreprocessingConfig(size=48, extent_mm=208.0, intensity=intensity)
    stack = preprocess(make_phantom(2, names, spacing=COARSE).volumes, names, config)
    part = cut_slices(draw_subject(2, names, spacing=COARSE), names, config)
    np.testing.assert_array_equal(part.slice_ids, stack.slice_ids)
    np.testing.assert_array_equal(part.foreground.numpy(), stack.foreground)
    np.testing.assert_allclose(part.images.numpy(), stack.slices, atol=1e-5)


@pytest.fixture(scope="module")
def twin_dataset(tmp_path_factory: pytest.TempPathFactory) -> SliceDataset:
    """Three seeds with twins."""
    path = tmp_path_factory.mktemp("twins") / "d.zarr"
    seen: list[tuple[int, int]] = []
    with coarse_training_phantoms():
        build_phantom_dataset(
            path,
            range(3),
            DATASET_GRID,
            twins=True,
            workers=1,
            on_progress=lambda done, total: seen.append((done, total)),
        )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    return SliceDataset.open(path)


def test_a_dataset_keeps_subjects_apart(twin_dataset: SliceDataset) -> None:
    train, val = twin_dataset.select("train"), twin_dataset.select("val")
    assert set(val.subjects) == {"phantom-0"}
    assert {name.removesuffix("-twin") for name in train.subjects} == {"phantom-1", "phantom-2"}
    assert PreprocessingConfig.model_validate(twin_dataset.preprocessing) == DATASET_GRID


def test_an_empty_range_of_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least one seed"):
        build_phantom_dataset(
            tmp_path / "d.zarr", [], PreprocessingConfig(size=32, extent_mm=208.0)
        )
    assert not list(tmp_path.iterdir())


def test_a_twin_differs_from_its_scan_in_the_lesion_alone() -> None:
    phantom = make_phantom(1, ["flair", "t2"], healthy=False, spacing=COARSE, twins=True)
    plain = make_phantom(1, ["flair", "t2"], healthy=False, spacing=COARSE)
    far = ~ndimage.binary_dilation(phantom.lesion.data > 0, iterations=3)
    for name, twin in phantom.twins.items():
        scan = phantom.volumes[name]
        assert np.array_equal(scan.data, plain.volumes[name].data)
        assert np.array_equal(twin.data == 0, scan.data == 0)
        scale = float(np.percentile(scan.data, 99))
        inside = (phantom.lesion.data > 0) & (scan.data > 0)
        assert np.abs(scan.data - twin.data)[inside].mean() > 0.1 * scale
        assert np.abs(scan.data - twin.data)[far].mean() < 0.002 * scale
    assert not make_phantom(1, healthy=True, spacing=COARSE, twins=True).twins


def test_a_dataset_pairs_unhealthy_training_slices_with_their_twins(
    twin_dataset: SliceDataset,
) -> None:
    assert not (twin_dataset.select("val").twins >= 0).any()
    train = twin_dataset.select("train")
    sick = np.flatnonzero(train.labels == 1)
    assert sick.size
    assert (train.twins[sick] >= 0).all()
    assert (train.labels[train.twins[sick]] == 0).all()
    truth = train.truth
    assert truth is not None
    twins = train.images[train.twins[sick]].astype(np.float32)
    apart = np.abs(train.images[sick].astype(np.float32) - twins)[:, 0]
    assert apart[truth[sick]].mean() > 20 * apart[~truth[sick]].mean()
