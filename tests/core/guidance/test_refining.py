"""What a dataset's slices tell about the refinement: a border from masks, a core from labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.guidance.refining import RefinementTrial, check_refinable
from anofpdm.guidance.selection import select_guidance
from anofpdm.method.interpretation import Interpretation, interpret
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import Settings
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from tests.core import segmentation_cases

SIZE = 16
CONFIG = PreprocessingConfig(size=SIZE, extent_mm=80.0)


def made(
    contrast: float, healthy_spot: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], Interpretation]:
    """Six slices; all maps mark a wide spot, the first three have a lesion in it."""
    rng = np.random.default_rng(5)
    images = rng.normal(0, 0.1, (6, SIZE, SIZE)).astype(np.float32)
    truth = np.zeros(images.shape, dtype=bool)
    truth[:3, 5:8, 5:8] = True
    images[truth] += contrast
    images[3:, 6, 6] += healthy_spot
    foreground = np.ones(images.shape, dtype=bool)
    foreground[:, 0] = False
    images[~foreground] = -1
    marked = np.zeros(images.shape, dtype=bool)
    marked[:, 4:9, 4:9] = True
    found = interpret(segmentation_cases.analysis(), Settings())
    found = replace(
        found,
        anomaly_map=marked.astype(np.float32),
        filtered_map=marked.astype(np.float32),
        mask=marked,
        threshold=np.full(6, 0.5),
        slice_ids=np.arange(6),
    )
    return images, truth, foreground, found


LABELS = np.array([1, 1, 1, 0, 0, 0])
SUBJECT = np.array([0, 1, 0, 1, 0, 1])


def test_masks_choose_the_border_and_whether_it_wins() -> None:
    images, truth, foreground, found = made(contrast=0.5, healthy_spot=0.0)
    trial = RefinementTrial(images, foreground, SUBJECT, truth, CONFIG, "hyperintense")
    trial.add(found)
    choice = trial.choose(LABELS, "accuracy")
    assert choice.refinement is not None
    # The lesion is 5 deviations above the brain, whose noise seldom exceeds 2.5.
    assert 2.0 <= choice.refinement.border <= 4.0
    assert choice.refinement.model_copy(update={"border": 1.5}) == Refinement()
    assert "mean DICE of 3 unhealthy slices" in choice.source
    assert "0.529 without" in choice.source


def test_a_refinement_that_loses_is_left_out() -> None:
    images, _, foreground, found = made(contrast=0.0, healthy_spot=0.0)
    trial = RefinementTrial(images, foreground, SUBJECT, found.mask, CONFIG, "hyperintense")
    trial.add(found)
    choice = trial.choose(LABELS, "accuracy")
    assert choice.refinement is None
    assert "1.000 without" in choice.source


def test_a_bright_pixel_beside_what_the_map_marks_raises_no_core() -> None:
    config = CONFIG.model_copy(update={"extent_mm": 3.0 * CONFIG.size})  # a neighbour is in reach
    cores = []
    for beside in (0.0, 3.0):
        images, _, foreground, found = made(contrast=1.0, healthy_spot=0.5)
        images[3:, 6, 9] += beside
        trial = RefinementTrial(images, foreground, SUBJECT, None, config, "hyperintense")
        trial.add(found)
        choice = trial.choose(LABELS, "accuracy")
        assert choice.refinement is not None
        cores.append(choice.refinement.core)
    assert cores[1] == pytest.approx(cores[0], rel=0.05)


def test_labels_choose_the_core_and_no_border() -> None:
    images, _, foreground, found = made(contrast=0.9, healthy_spot=0.45)
    trial = RefinementTrial(images, foreground, SUBJECT, None, CONFIG, "hyperintense")
    trial.add(found)
    choice = trial.choose(LABELS, "balanced")
    assert choice.refinement is not None
    assert choice.refinement.border == Refinement().border
    # Lesions reach some 9 deviations, healthy slices some 5.
    assert 5.0 < choice.refinement.border + choice.refinement.core < 9.0
    assert "balanced accuracy of 6 slice labels: 1.000 with refinement, 0.500" in choice.source
    assert "labels chose its core" in choice.source


def test_darker_lesions_are_looked_for_where_the_polarity_says_so() -> None:
    images, truth, foreground, found = made(contrast=-0.5, healthy_spot=0.0)
    for polarity, wins in (("hypointense", True), ("hyperintense", False)):
        trial = RefinementTrial(images, foreground, SUBJECT, truth, CONFIG, polarity)  # type: ignore[arg-type]
        trial.add(found)
        assert (trial.choose(LABELS, "accuracy").refinement is not None) == wins


def test_of_borders_that_do_equally_well_the_default_is_chosen() -> None:
    images, truth, foreground, found = made(contrast=1.0, healthy_spot=0.0)
    trial = RefinementTrial(images, foreground, SUBJECT, truth, CONFIG, "hyperintense")
    trial.add(found)
    choice = trial.choose(LABELS, "accuracy")
    # At ten deviations, contrast alone puts the border at four, above all noise.
    assert choice.refinement == Refinement()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (PreprocessingConfig(size=SIZE, field_of_view="stretch"), "no fixed size in mm"),
        (CONFIG.model_copy(update={"intensity": "slice_minmax"}), "scaled one by one"),
    ],
)
def test_slices_without_size_or_scale_are_refused(config: PreprocessingConfig, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_refinable(config)


@pytest.mark.parametrize("with_masks", [True, False])
def test_a_search_records_the_refinement_and_what_chose_it(
    tmp_path: Path, with_masks: bool
) -> None:
    bundle: ModelBundle = segmentation_cases.bundle(calibration=None)
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (6, 1, SIZE, SIZE))
    truth = rng.random((6, SIZE, SIZE)) < 0.1 if with_masks else None
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["flair"]) as writer:
        writer.append(images, [0, 1, 0, 1, 1, -1], subject="b", split="val", truth=truth)
    data = SliceDataset.open(tmp_path / "d.zarr")
    told: list[tuple[int, int]] = []
    report = select_guidance(
        bundle, data, candidates=[1, 4], steps=3, rule="absolute", batch_size=2, refine=True,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    plain = select_guidance(bundle, data, candidates=[1, 4], steps=3, rule="absolute", batch_size=2)
    assert told[-1] == (30, 30)  # 5 slices, 3 steps, twice
    found = report.calibration
    assert ("known masks" if with_masks else "slice labels") in found.refinement_source
    assert with_masks or found.refinement is not None
    kept = {"refinement": None, "refinement_source": ""}
    assert found.model_copy(update=kept) == plain.calibration
