"""An analysis that is watched, begun at a slice, cut short: what it gives equals the whole one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.engine import analyze
from anofpdm.analysis.growing import finished_part
from anofpdm.common.errors import AnalysisError, Cancelled, OutputError, SettingsError
from anofpdm.method.interpretation import interpret
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.volume import Volume

STORE = "a.anofpdm.zarr"


@pytest.fixture
def scans() -> dict[str, Volume]:
    """A ball of random tissue, seven axial slices of which the outermost are empty."""
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in (20, 24, 7)], indexing="ij")
    brain = (x**2 + y**2 + 0.3 * z**2 < 0.7) & (abs(z) < 0.9)
    values = np.where(brain, rng.uniform(50, 100, brain.shape), 0).astype(np.float32)
    affine = np.diag([4.0, 4.0, 6.0, 1.0])
    return {name: Volume(values, affine, name) for name in ("flair", "t1")}


@pytest.fixture
def whole(scans: dict[str, Volume], tiny_bundle: ModelBundle) -> Analysis:
    return analyze(scans, tiny_bundle, steps=4, batch_size=1)


def _same_slice(one: Analysis, position: int, other: Analysis, at: int) -> bool:
    pairs = zip(one.steps_of(position), other.steps_of(at), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_chosen_slices_are_those_of_the_whole(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, whole: Analysis
) -> None:
    assert whole.slice_ids.tolist() == [1, 2, 3, 4, 5]
    part = analyze(scans, tiny_bundle, steps=4, batch_size=1, slices=[4, 2])
    assert part.slice_ids.tolist() == [2, 4]
    assert _same_slice(part, 0, whole, 1)
    assert _same_slice(part, 1, whole, 3)
    assert np.array_equal(part.foreground, whole.foreground[[1, 3]])


@pytest.mark.parametrize(
    ("slices", "words"), [([0], "Slice 0 contains too little"), ([], "No slice")]
)
def test_slices_without_brain_are_refused(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, slices: list[int], words: str
) -> None:
    with pytest.raises(SettingsError, match=f"{words}.*slices 1 to 5"):
        analyze(scans, tiny_bundle, steps=2, slices=slices)


@pytest.mark.parametrize(
    ("first", "order"),
    [
        (4, [[3], [2, 4], [1, 0]]),
        (0, [[0], [1, 2], [3, 4]]),
        (None, [[0, 1], [2, 3], [4]]),
    ],
)
def test_the_first_slice_comes_alone_then_the_others_outward(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    whole: Analysis,
    first: int | None,
    order: list[list[int]],
) -> None:
    told: list[list[int]] = []
    analysis = analyze(
        scans, tiny_bundle, steps=4, batch_size=2, first_slice=first, on_slices=told.append
    )
    assert told == order
    for position in range(5):
        for a, b in zip(analysis.steps_of(position), whole.steps_of(position), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-3)


@pytest.mark.parametrize("stored", [False, True])
def test_finished_slices_of_a_growing_analysis_can_be_interpreted(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    whole: Analysis,
    tmp_path: Path,
    stored: bool,
) -> None:
    growing: list[Analysis] = []
    settings = whole.default_settings()
    maps: dict[int, Any] = {}

    def look(positions: list[int]) -> None:
        for position in positions:
            found = interpret(growing[0], settings, [position])
            maps[position] = found.anomaly_map[0]
        for position in set(range(5)) - maps.keys():
            with pytest.raises(AnalysisError, match="not computed"):
                growing[0].steps_of(position)

    store = tmp_path / STORE if stored else None
    final = analyze(
        scans,
        tiny_bundle,
        steps=4,
        batch_size=1,
        store=store,
        on_start=growing.append,
        on_slices=look,
    )
    expected = interpret(whole, settings).anomaly_map
    assert np.array_equal(np.stack([maps[p] for p in range(5)]), expected)
    assert np.array_equal(interpret(growing[0], settings).anomaly_map, expected)
    assert np.array_equal(interpret(final, settings).anomaly_map, expected)


@pytest.mark.parametrize("stored", [False, True])
def test_what_was_finished_before_a_cancel_is_kept_in_memory_alone(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    whole: Analysis,
    tmp_path: Path,
    stored: bool,
) -> None:
    growing: list[Analysis] = []
    done: list[int] = []
    with pytest.raises(Cancelled):
        analyze(
            scans,
            tiny_bundle,
            steps=4,
            batch_size=1,
            first_slice=4,
            store=tmp_path / STORE if stored else None,
            on_start=growing.append,
            on_slices=done.extend,
            should_cancel=lambda: len(done) == 2,
        )
    part = finished_part(growing[0])
    if stored:
        assert part is None
        with pytest.raises(AnalysisError, match="not computed"):
            growing[0].steps_of(3)
        return
    assert part is not None
    assert part.slice_ids.tolist() == [3, 4]
    assert _same_slice(part, 0, whole, 2)
    assert _same_slice(part, 1, whole, 3)
    assert part.save(tmp_path / STORE).slice_ids.tolist() == [3, 4]


def test_nothing_finished_leaves_no_part(
    scans: dict[str, Volume], tiny_bundle: ModelBundle
) -> None:
    growing: list[Analysis] = []
    with pytest.raises(Cancelled):
        analyze(scans, tiny_bundle, steps=4, on_start=growing.append, should_cancel=lambda: True)
    assert finished_part(growing[0]) is None


def test_a_finished_analysis_is_its_own_part(whole: Analysis) -> None:
    part = finished_part(whole)
    assert part is not None
    assert all(_same_slice(part, p, whole, p) for p in range(5))


def test_a_memory_limit_sends_the_analysis_to_disk(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    left_by_a_crash = tmp_path / ".analysis-0.anofpdm-partial" / "new"
    left_by_a_crash.mkdir(parents=True)
    with caplog.at_level(logging.WARNING, logger="anofpdm"):
        analysis = analyze(scans, tiny_bundle, steps=3, memory_limit=0, temporary_folder=tmp_path)
    assert analysis.path is not None
    assert analysis.path.is_relative_to(tmp_path)
    assert not left_by_a_crash.parent.exists()
    assert "more than the 0 MiB allowed" in caplog.text


def test_a_temporary_folder_that_cannot_be_made_is_named(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(OutputError, match=f"{gone} cannot be written"):
        analyze(scans, tiny_bundle, steps=3, memory_limit=0, temporary_folder=gone)


def test_memory_of_the_machine_is_treated_like_a_gpus(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    monkeypatch: pytest.MonkeyPatch,
    whole: Analysis,
) -> None:
    real = ModelBundle.predictor

    def predictor(self: ModelBundle, *args: Any) -> Any:
        predict = real(self, *args)

        def limited(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
            if len(x) > 2:
                raise MemoryError
            return predict(x, *rest)

        return limited

    monkeypatch.setattr(ModelBundle, "predictor", predictor)
    analysis = analyze(scans, tiny_bundle, steps=4, batch_size=4)
    assert all(_same_slice(analysis, p, whole, p) for p in range(5))
