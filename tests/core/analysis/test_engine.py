"""`analyze`: the same numbers whatever the batch, the store and the interruptions."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anofpdm.analysis import destination
from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.engine import analyze, segment_live
from anofpdm.analysis.progress import SliceProgress
from anofpdm.common import device
from anofpdm.common.errors import AnalysisError, Cancelled, DeviceError, OutputError, SettingsError
from anofpdm.method.calibration import Calibration
from anofpdm.method.interpretation import interpret
from anofpdm.method.settings import Settings
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.volume import Volume


@pytest.fixture
def scans() -> dict[str, Volume]:
    """A ball of random tissue, five axial slices, two modalities."""
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in (20, 24, 5)], indexing="ij")
    brain = x**2 + y**2 + 0.3 * z**2 < 0.7
    affine = np.diag([4.0, 4.0, 6.0, 1.0])
    return {
        name: Volume(
            np.where(brain, rng.uniform(50, 100, brain.shape), 0).astype(np.float32), affine, name
        )
        for name in ("flair", "t1")
    }


def _steps(analysis: Analysis) -> np.ndarray[Any, Any]:
    return np.stack([np.stack(analysis.steps_of(i)) for i in range(len(analysis))])


def test_the_result_does_not_depend_on_the_batch_size(
    scans: dict[str, Volume], tiny_bundle: ModelBundle
) -> None:
    one, all_at_once = (
        analyze(scans, tiny_bundle, steps=6, batch_size=n, dtype="float32") for n in (1, 5)
    )
    assert np.allclose(_steps(one), _steps(all_at_once), atol=1e-4)
    assert len(one) == 5


@pytest.mark.parametrize("process", ["ddim", "ddpm"])
def test_seed_and_process_decide(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, process: Any
) -> None:
    same, again, other = (
        analyze(scans, tiny_bundle, steps=4, seed=seed, process=process) for seed in (3, 3, 4)
    )
    assert np.array_equal(_steps(same), _steps(again))
    assert not np.array_equal(_steps(same), _steps(other))


def test_two_evaluations_a_slice_and_step(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = ModelBundle.predictor

    def counting(self: ModelBundle, *args: Any) -> Callable[..., torch.Tensor]:
        predict = real(self, *args)

        def counted(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
            calls.append(len(x))
            return predict(x, *rest)

        return counted

    monkeypatch.setattr(ModelBundle, "predictor", counting)
    analyze(scans, tiny_bundle, steps=6, batch_size=2)
    assert sum(calls) == 2 * 5 * 6
    assert len(calls) == 3 * 6


def test_a_stored_analysis_equals_the_one_in_memory(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    memory = analyze(scans, tiny_bundle, steps=5)
    stored = analyze(scans, tiny_bundle, steps=5, store=tmp_path / "a.anofpdm.zarr")
    assert np.array_equal(_steps(memory), _steps(stored))
    settings = memory.default_settings()
    assert np.array_equal(interpret(memory, settings).mask, interpret(stored, settings).mask)
    assert stored.path == tmp_path / "a.anofpdm.zarr"
    assert stored.metadata.seconds > 0
    assert stored.metadata.versions["torch"] == str(torch.__version__)


def test_sources_are_recorded_with_their_hash(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    from anofpdm.scans.volume import write_nifti

    for name, volume in scans.items():
        write_nifti(tmp_path / f"{name}.nii.gz", volume.data, like=volume, dtype=np.float32)
    paths = {name: tmp_path / f"{name}.nii.gz" for name in scans}
    analysis = analyze(paths, tiny_bundle, steps=2)
    sources = {source.modality: source for source in analysis.metadata.sources}
    assert sources["flair"].name == "flair.nii.gz"
    assert len(sources["t1"].sha256) == 64


def test_a_file_that_went_away_leaves_its_name(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    gone = {
        name: replace(volume, path=tmp_path / f"{name}.nii.gz") for name, volume in scans.items()
    }
    sources = analyze(gone, tiny_bundle, steps=2).metadata.sources
    assert [(s.name, s.sha256) for s in sources] == [("flair.nii.gz", ""), ("t1.nii.gz", "")]


def test_a_mask_is_recorded_as_one(scans: dict[str, Volume], tiny_bundle: ModelBundle) -> None:
    brain = replace(scans["flair"], data=scans["flair"].data > 0, modality=None)
    unnamed = {name: replace(volume, modality=None) for name, volume in scans.items()}
    sources = analyze(unnamed, tiny_bundle, brain_mask=brain, steps=2).metadata.sources
    assert [source.modality for source in sources] == ["flair", "t1", "brain_mask"]


def test_the_calibration_decides_what_is_not_given(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, tiny_calibration: Calibration
) -> None:
    told: dict[str, Any] = {"process": "ddpm", "steps": 3, "t_max": 400, "clip": False}
    model = tiny_bundle.with_calibration(tiny_calibration.model_copy(update=told))
    metadata = analyze(scans, model).metadata
    assert (metadata.process, metadata.timesteps, metadata.clip) == ("ddpm", (1, 200, 400), False)
    given = analyze(scans, model, process="ddim", steps=2, t_max=9, clip=True).metadata
    assert (given.process, given.timesteps, given.clip) == ("ddim", (1, 9), True)


def test_what_float16_cannot_hold_is_refused(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def huge(self: ModelBundle, *_: Any) -> Callable[..., torch.Tensor]:
        return lambda x, *_: torch.full_like(x, 1e7)

    monkeypatch.setattr(ModelBundle, "predictor", huge)
    with pytest.raises(AnalysisError, match="too large for float16"):
        analyze(scans, tiny_bundle, steps=2)
    assert len(analyze(scans, tiny_bundle, steps=2, dtype="float32")) == 5


def test_progress_rises_to_the_end(scans: dict[str, Volume], tiny_bundle: ModelBundle) -> None:
    seen: list[SliceProgress] = []
    analyze(scans, tiny_bundle, steps=4, batch_size=2, on_progress=seen.append)
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    last = seen[-1]
    assert (last.stage, last.done, last.total) == ("network", 20, 20)
    assert (last.slices_done, last.slices_total, last.seconds_left) == (5, 5, 0)


def test_cancel_takes_effect_within_one_call_and_leaves_nothing(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    asked: list[int] = []

    def third() -> bool:
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(Cancelled):
        analyze(scans, tiny_bundle, steps=9, store=tmp_path / "a.anofpdm.zarr", should_cancel=third)
    assert len(asked) == 3
    assert not list(tmp_path.iterdir())


def _running_out(largest: int) -> Callable[..., Any]:
    real = ModelBundle.predictor

    def predictor(self: ModelBundle, *args: Any) -> Callable[..., torch.Tensor]:
        predict = real(self, *args)

        def limited(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
            if len(x) > 2 * largest:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return predict(x, *rest)

        return limited

    return predictor


def test_out_of_memory_halves_the_batch_and_says_so(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = analyze(scans, tiny_bundle, steps=3, batch_size=1)
    monkeypatch.setattr(ModelBundle, "predictor", _running_out(largest=1))
    with caplog.at_level(logging.WARNING, logger="anofpdm"):
        analysis = analyze(scans, tiny_bundle, steps=3, batch_size=5)
    assert np.allclose(_steps(analysis), _steps(expected), atol=2e-3)
    said = [record.args for record in caplog.records if "Out of memory" in record.msg]
    assert said == [(2,), (1,)]


def test_no_memory_for_one_slice_is_said(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelBundle, "predictor", _running_out(largest=0))
    with pytest.raises(DeviceError, match="single slice"):
        analyze(scans, tiny_bundle, steps=3, batch_size=2)


def test_no_memory_for_the_model_is_said(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ModelBundle, "predictor", full)
    with pytest.raises(DeviceError, match="does not have enough memory for the model"):
        analyze(scans, tiny_bundle, steps=3)


def test_too_large_for_memory_goes_to_a_temporary_folder_that_goes_with_it(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(destination, "free_bytes", lambda _: 0)
    with caplog.at_level(logging.WARNING, logger="anofpdm"):
        analysis = analyze(scans, tiny_bundle, steps=3)
    assert "more than half of the free memory" in caplog.text
    path = analysis.path
    assert path is not None
    assert path.is_dir()
    del analysis
    gc.collect()
    assert not path.parent.exists()


def test_a_full_disk_is_foreseen(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match="only 0 MiB free"):
        analyze(scans, tiny_bundle, steps=3, store=tmp_path / "a.anofpdm.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"steps": 0}, "1 or more"),
        ({"t_max": 1001}, "1001"),
        ({"batch_size": 0}, "batch size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_settings_are_refused(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        analyze(scans, tiny_bundle, **wrong)


def test_a_wrong_batch_size_is_refused_before_anything_is_read(
    tiny_bundle: ModelBundle,
) -> None:
    absent = dict.fromkeys(tiny_bundle.metadata.modalities, "absent.nii.gz")
    with pytest.raises(SettingsError, match="batch size"):
        analyze(absent, tiny_bundle, batch_size=0)
    with pytest.raises(SettingsError, match="batch size"):
        segment_live(absent, tiny_bundle, Settings(), batch_size=0)


def test_timesteps_that_were_not_trained_are_refused(
    scans: dict[str, Volume], tiny_bundle: ModelBundle
) -> None:
    limited = replace(
        tiny_bundle, metadata=tiny_bundle.metadata.model_copy(update={"max_timestep": 500})
    )
    assert analyze(scans, limited, steps=3, t_max=500).timesteps[-1] == 500
    with pytest.raises(SettingsError, match="trained up to timestep 500"):
        analyze(scans, limited, steps=3, t_max=600)


def test_the_device_is_resolved_before_the_network_runs(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "why_no_cuda", lambda: "it is not there")
    with pytest.raises(DeviceError, match="it is not there"):
        analyze(scans, tiny_bundle, steps=3, device="cuda")
