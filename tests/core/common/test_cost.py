"""What a command will take: from shapes, and from steps that a false clock times."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from anofpdm.cli.app import app
from anofpdm.common import cost as cost_module
from anofpdm.common.cost import Cost, disk_problems
from anofpdm.common.errors import CheckpointError, TrainingError
from anofpdm.common.quantities import range_in_words, size_in_words
from anofpdm.datasets import SliceDataset
from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.prepare import prepare
from anofpdm.datasets.preparation.prepare_cost import prepare_cost
from anofpdm.guidance.selection_cost import guidance_cost
from anofpdm.model.bundle import load_bundle
from anofpdm.scans.volume import Volume, write_nifti
from anofpdm.training import train
from anofpdm.training.run.needs import run_bytes, step_bytes
from anofpdm.training.run.training_cost import training_cost
from anofpdm.training.step.trainer import Trainer
from tests.core.training_cases import make_config, make_dataset, stop_after, write_toml


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def dataset(tmp_path: Path) -> SliceDataset:
    return make_dataset(tmp_path / "d.zarr")


def ticking(seconds: float) -> Callable[[], float]:
    """A clock that goes on by so many seconds whenever it is looked at."""
    return itertools.count(0, seconds).__next__


def test_words() -> None:
    assert range_in_words(60, 62) == "about 1 min 02 s"
    assert range_in_words(60, 120) == "1 min 00 s to 2 min 00 s"
    assert range_in_words(0, 0) == "about 1 s"
    assert size_in_words(3 * 2**29) == "1.5 GiB"
    assert size_in_words(10) == "1 MiB"
    cost = Cost("3 steps", None, "no step was tried", 2**30, "cpu", 2**20, ("It is so.",))
    assert cost.words.startswith("Time: unknown for 3 steps (no step was tried)")
    assert json.loads(json.dumps(cost.payload))["problems"] == ["It is so."]


def test_a_disk_too_small_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 0, 5 * 2**20))
    assert disk_problems(tmp_path / "new" / "run", 2**20) == []
    [said] = disk_problems(tmp_path / "new" / "run", 2**30)
    assert "needs about 1.0 GiB, but its disk has only 5 MiB free; free some space" in said


def test_steps_tell_the_time_of_all(tmp_path: Path, dataset: SliceDataset) -> None:
    config = make_config(steps=1000, validate_every=10**6)
    found = training_cost(config, dataset, tmp_path / "run", clock=ticking(2.0))
    # Of the held-out losses it is known that they take no longer than so many training slices.
    assert found.seconds == (2000 / 1.25, 1.25 * (2000 + (2 * 8) * 2 / 4))
    judging = config.model_copy(update={"accuracy_slices": 4})
    most = training_cost(judging, dataset, tmp_path / "run", clock=ticking(2.0)).seconds
    # 10 steps of 4 slices with two passes each, which lack the way back.
    assert most == (2000 / 1.25, 1.25 * (2000 + (2 * 8 + 10 * 4) * 2 / 4))
    assert found.basis == "measured on 2 steps"
    assert found.problems == ()
    assert not (tmp_path / "run").exists()
    short = training_cost(config, dataset, tmp_path / "run", max_minutes=5, clock=ticking(2.0))
    assert short.seconds == (300, 300)


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (1.5, "compiling took 1 min 40 s, made up for after 200 steps"),
        (2.0, "compiling took 1 min 40 s and no step became faster: set compile = false"),
    ],
)
def test_compiling_is_weighed_against_what_it_gains(
    tmp_path: Path,
    dataset: SliceDataset,
    monkeypatch: pytest.MonkeyPatch,
    later: float,
    said: str,
) -> None:
    # One slice twice, three eager steps, then three of the compiled network, which stands in here.
    takes = iter([0.1, 0.1, *[2.0] * 3, 100.0 + later, *[later] * 3])
    monkeypatch.setattr(Trainer, "step", lambda *_: None)
    monkeypatch.setattr("anofpdm.training.step.trainer.compiled", lambda network: network)
    now = 0.0

    def clock() -> Iterator[float]:
        nonlocal now
        for seconds in takes:
            yield now
            now += seconds
            yield now

    config = make_config(steps=1000, validate_every=10**6, compile=True)
    found = training_cost(config, dataset, tmp_path / "run", clock=clock().__next__)
    assert found.basis == f"measured on one step; {said}"
    assert found.seconds is not None
    assert found.seconds[0] == (100 + 1000 * later) / 1.25


def test_long_steps_are_told_from_some_slices(tmp_path: Path, dataset: SliceDataset) -> None:
    found = training_cost(make_config(), dataset, tmp_path / "run", clock=ticking(12.0))
    assert found.basis == "measured on 2 of the 4 slices of a step"
    assert found.seconds is not None
    assert found.seconds[0] == 8 * 4 * 6.0 / 1.25


def test_what_the_disk_will_hold(tmp_path: Path, dataset: SliceDataset) -> None:
    config = make_config(keep_checkpoints=1)
    progress, stop = stop_after(4)
    path = train(config, dataset, tmp_path / "run", progress=progress, should_stop=stop).checkpoint
    one = run_bytes(make_config(keep_checkpoints=2)) - run_bytes(config)
    # The rest is names and shapes.
    assert one < path.stat().st_size < one + 300_000
    with pytest.raises(CheckpointError, match="already contains a run"):
        training_cost(config, dataset, tmp_path / "run")
    left = training_cost(config, dataset, tmp_path / "run", resume=True, clock=ticking(1.0))
    assert left.work == "4 steps of 4 slices"


def test_memory_follows_slices_precision_and_parts(tmp_path: Path, dataset: SliceDataset) -> None:
    one, two, three = (step_bytes(make_config(), slices) for slices in (1, 2, 3))
    assert three - two == two - one > 0
    half = make_config(precision="bfloat16")
    assert step_bytes(half, 2) - step_bytes(half, 1) == round(0.6 * (two - one))
    weights = sum(p.numel() for p in _network().parameters())
    assert 2 * one - two == 20 * weights
    # What one slice's pass leaves behind, counted while it really happens.
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    network = _network()
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        x, index = torch.zeros(1, 1, 16, 16), torch.zeros(1, dtype=torch.int64)
        output = network(x, index, index)
    assert output is not None
    counted = sum(s.nbytes() for pointer, s in kept.items() if pointer not in own)
    assert counted <= two - one < 1.6 * counted


def _network() -> Any:
    from anofpdm.model.unet import UNet

    return UNet(make_config().network).train()


def test_without_memory_no_step_is_tried(
    tmp_path: Path, dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anofpdm.common.device.free_bytes", lambda _: 2**20)
    found = training_cost(make_config(), dataset, tmp_path / "run")
    assert found.seconds is None
    [said] = found.problems
    assert "cpu has only 1 MiB free; increase accumulation, reduce batch_size" in said


def test_what_training_refuses_is_refused(tmp_path: Path) -> None:
    odd = make_dataset(tmp_path / "odd.zarr", val=False)
    with pytest.raises(TrainingError, match="needs held-out slices"):
        training_cost(make_config(bundle_from="best"), odd, tmp_path / "run")


def test_a_search_ends_when_its_pace_is_known(tmp_path: Path) -> None:
    model = load_bundle("flair-synth")
    asked: list[int] = []

    def search(*, progress: Callable[[int, int], None]) -> None:
        for done in range(2, 2001, 2):
            asked.append(done)
            progress(done, 2000)

    found = guidance_cost(search, model, tmp_path / "new", [1, 2], device="cpu", clock=ticking(3.0))
    assert asked[-1] == 10
    assert found.seconds == pytest.approx((3000 / 1.25, 3000 * 1.25))
    assert found.disk_bytes > len(model.weights)
    assert found.work == "2,000 slice steps, 2 candidates in one pass"


def test_the_slowest_and_the_fastest_report_of_a_search_make_a_range(tmp_path: Path) -> None:
    times = [0.0, 3.0, 4.0, 6.0, 7.0, 9.0]

    def search(*, progress: Callable[[int, int], None]) -> None:
        for done in range(2, 101, 2):
            progress(done, 100)

    clock = iter(times).__next__
    found = guidance_cost(
        search, load_bundle("flair-synth"), tmp_path / "new", [1, 2], device="cpu", clock=clock
    )
    assert found.seconds == pytest.approx(((3 + 49) / 1.25, (3 + 98) * 1.25))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four small scans in a table, all of them labelled."""
    generator = np.random.default_rng(0)
    lines = ["subject,flair,label,unhealthy_slices"]
    for number in range(4):
        data = np.zeros((20, 24, 5), np.float32)
        data[4:16, 4:20] = generator.uniform(50, 100, (12, 16, 5))
        scan = Volume(data, np.diag([8.0, 8.0, 12.0, 1.0]), "flair")
        write_nifti(tmp_path / f"p{number}.nii.gz", data, like=scan, dtype=np.float32)
        lines.append(f"p{number},p{number}.nii.gz,,1-2")
    path = tmp_path / "subjects.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_some_subjects_tell_of_all(tmp_path: Path, table: Path) -> None:
    config, out = PrepareConfig(source=table, layout="table"), tmp_path / "d.zarr"
    before = sorted(tmp_path.iterdir())
    found = prepare_cost(config, out, workers=1, clock=ticking(1.0))
    assert found.work == "4 of 4 subjects, 1 at a time"
    assert found.basis == "measured on 3 of them"
    assert found.seconds is not None
    assert found.seconds == pytest.approx((16 / 3 / 1.25, 16 / 3 * 1.25))
    assert found.problems == ()
    assert sorted(tmp_path.iterdir()) == before
    made = prepare(config, out, workers=1)
    size = sum(path.stat().st_size for path in (made.path / "images").rglob("*") if path.is_file())
    assert size < found.disk_bytes < 3 * size


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_the_work_is_shared_out_among_the_threads_of_a_scheduler(
    tmp_path: Path, table: Path, scheduler: str
) -> None:
    config, out = PrepareConfig(source=table, layout="table"), tmp_path / "d.zarr"
    found = prepare_cost(config, out, scheduler=scheduler, clock=ticking(1.0))
    assert found.work == f"4 of 4 subjects, 2 at a time by 2 threads of {scheduler}"
    assert found.basis == "measured on 3 of them here"
    assert found.seconds == pytest.approx(((4 / 3 + 2) / 1.25, (4 / 3 + 2) * 1.25))
    assert "of each worker" in found.words and found.problems == ()


def test_subjects_that_cannot_be_used_are_told_before(tmp_path: Path, table: Path) -> None:
    (tmp_path / "p0.nii.gz").write_bytes(b"no scan")
    table.write_text(table.read_text().replace("1-2", ""))
    config = PrepareConfig(source=table, layout="table")
    bad, unlabelled = prepare_cost(config, tmp_path / "d.zarr", workers=1).problems
    assert bad.startswith("p0 cannot be used: ")
    assert "will be labelled" in unlabelled


def test_a_dry_run_on_the_command_line(
    tmp_path: Path, dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOFPDM_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setattr(cost_module, "peak_bytes", lambda: 0)
    config = write_toml(tmp_path / "run.toml", make_config())
    given = ["train", str(config), "--dataset", str(dataset.path), "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(
        app, [*given, "--device", "cpu", "--job", "first", "--dry-run", "--json"]
    )
    assert done.exit_code == 0, done.stderr
    payload = json.loads(done.stdout)
    assert payload["dry_run"] is True
    assert payload["seconds"][0] > 0
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "jobs").exists()
    refused = CliRunner().invoke(app, ["job", "start", "--", *given, "--dry-run"])
    assert refused.exit_code == 2
    assert "--dry-run cannot run as a job" in refused.stderr
