"""`anofpdm segment-cohort` and `cohort merge`, from scans to tables."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from anofpdm.cli.commands.cohorts.summary import cohort_summary
from anofpdm.common.executors.executor import Ended, Executor, Found, Given, ended
from anofpdm.common.executors.plain import PlainExecutor
from anofpdm.common.executors.stopping import Stop
from anofpdm.common.executors.tries import Tries
from anofpdm.scans.volume import read_volume
from tests.core.segmentation_cases import bundle, write_scan

RESULTS = ("mask.nii.gz", "anomaly_map.nii.gz", "lesions.csv")


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's bundles out, and draw no large picture."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    monkeypatch.setattr(
        "anofpdm.results.pictures.report.page.save_picture",
        lambda path, *_: path.write_bytes(b"png"),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three scans and a file that is none."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_scan(folder / f"{name}.nii.gz")
    (folder / "broken.nii.gz").write_bytes(b"no scan")
    bundle().save(tmp_path / "tiny")
    return folder


def run(source: Path, out: Path, *more: object) -> Result:
    given = ["segment-cohort", source, "--out", out, "--bundle", source.parent / "tiny",
             "--workers", 1, "--device", "cpu", "--json", *more]  # fmt: skip
    return CliRunner().invoke(app, [str(each) for each in given])


def test_the_results_are_those_of_segment_and_a_restart_does_nothing_twice(
    source: Path, tmp_path: Path
) -> None:
    first = run(source, tmp_path / "out")
    assert first.exit_code == 3, first.stderr
    document = json.loads(first.stdout)
    assert document["counts"] == {"scans": 4, "done": 3, "failed": 1, "left": 0}
    with (tmp_path / "out" / "failures.csv").open() as stream:
        (failure,) = csv.DictReader(stream)
    assert failure["scan"] == "broken"
    assert failure["reason"].startswith("broken.nii.gz is not a NIfTI file")
    assert document["failures"] == [{"scan": "broken", "reason": failure["reason"]}]
    printed = StringIO()
    Console(file=printed, width=200).print(cohort_summary(tmp_path / "out", document))
    assert f"broken: {failure['reason']}" in printed.getvalue()
    alone = CliRunner().invoke(
        app, ["segment", "--image", str(source / "a.nii.gz"), "--bundle", str(tmp_path / "tiny"),
              "--out", str(tmp_path / "alone"), "--device", "cpu"]
    )  # fmt: skip
    assert alone.exit_code == 0
    for name in RESULTS:
        together = tmp_path / "out" / "scans" / "a" / name
        assert together.read_bytes() == (tmp_path / "alone" / name).read_bytes(), name
    report = (tmp_path / "out" / "report.html").read_text()
    assert report.count('src="data:image/jpeg') == 3
    assert str(tmp_path) not in report

    again = json.loads(run(source, tmp_path / "out").stdout)
    assert (again["segmented"], again["counts"]["done"]) == (0, 3)
    os.utime(source / "a.nii.gz", (1, 1))  # another time, the same content
    assert json.loads(run(source, tmp_path / "out").stdout)["segmented"] == 0
    write_scan(source / "broken.nii.gz")
    mended = run(source, tmp_path / "out")
    assert (mended.exit_code, json.loads(mended.stdout)["segmented"]) == (0, 1)
    other = json.loads(run(source, tmp_path / "out", "--no-gate").stdout)
    assert other["segmented"] == 4


class Threads(PlainExecutor):
    """A thread for each scan, as a worker with a GPU has several."""

    def run(
        self,
        work: Callable[[Given], Found],
        tasks: Sequence[Given],
        stop: Stop | None = None,
        *,
        in_order: bool = False,
    ) -> Iterator[Ended[Given, Found]]:
        with ThreadPoolExecutor(len(tasks)) as pool:
            yield from pool.map(lambda task: ended(work, task), tasks)


def test_scans_that_share_calls_of_the_network_have_the_same_results(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = ("--precision", "float32")  # rounding to bfloat16 depends on the size of a call
    run(source, tmp_path / "alone", *exact)
    monkeypatch.setattr("anofpdm.cohorts.work.slices_to_share", lambda *_: 64)
    monkeypatch.setattr("anofpdm.cohorts.work._kept", {})
    monkeypatch.setattr("anofpdm.cli.commands.cohorts.running._executor", lambda *_: Threads())
    document = json.loads(run(source, tmp_path / "shared", *exact).stdout)
    assert document["counts"] == {"scans": 4, "done": 3, "failed": 1, "left": 0}
    for scan in ("a", "b", "c"):
        for name in RESULTS[:2]:
            found, expected = (
                np.asarray(read_volume(tmp_path / out / "scans" / scan / name).data)
                for out in ("shared", "alone")
            )
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("dask", [True, False])
def test_one_gpu_has_several_scans_at_hand_where_dask_is(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dask: bool
) -> None:
    from anofpdm.cli.commands.cohorts import running
    from anofpdm.common.executors.dask_cluster import DaskExecutor

    monkeypatch.setattr("anofpdm.common.executors.machine.gpus_of", lambda device: ["0"])
    monkeypatch.setattr("anofpdm.common.executors.machine.usable_cpus", lambda: 16)
    monkeypatch.setattr("anofpdm.common.executors.machine.available_bytes", lambda: 2**36)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if dask else None)
    chosen = list[Executor]()

    def choose(*given: Any) -> Executor:
        chosen.append(real(*given))
        return PlainExecutor()

    real = running._executor
    monkeypatch.setattr(running, "_executor", choose)
    args = ["segment-cohort", source, "--out", tmp_path / "out", "--bundle", tmp_path / "tiny",
            "--device", "cpu", "--json"]  # fmt: skip
    CliRunner().invoke(app, [str(each) for each in args])
    CliRunner().invoke(app, [str(each) for each in (*args, "--workers", 1)])
    several, plain = chosen
    assert isinstance(plain, PlainExecutor)
    assert isinstance(several, DaskExecutor) == dask
    if isinstance(several, DaskExecutor):
        assert (several.workers, several.threads, several.gpus) == (1, 4, ["0"])


def test_shards_give_the_same_and_are_merged(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "whole")
    assert run(source, tmp_path / "parts", "--shard", "1/2").exit_code in (0, 3)
    early = CliRunner().invoke(app, ["cohort", "merge", str(tmp_path / "parts"), "--json"])
    assert json.loads(early.stdout)["missing_shards"] == [2]
    run(source, tmp_path / "parts", "--shard", "2/2")
    merged = CliRunner().invoke(app, ["cohort", "merge", str(tmp_path / "parts"), "--json"])
    assert merged.exit_code == 3
    document = json.loads(merged.stdout)
    assert document["counts"] == {"scans": 4, "done": 3, "failed": 1, "left": 0}
    for scan in ("a", "b", "c"):
        for name in RESULTS:
            part = tmp_path / "parts" / "scans" / scan / name
            whole = tmp_path / "whole" / "scans" / scan / name
            assert part.read_bytes() == whole.read_bytes()


class StoppedAfterOne(PlainExecutor):
    """Stops the run when one scan is done."""

    def run(
        self,
        work: Callable[[Given], Found],
        tasks: Sequence[Given],
        stop: Stop | None = None,
        *,
        in_order: bool = False,
    ) -> Iterator[Ended[Given, Found]]:
        for one in super().run(work, tasks, stop, in_order=in_order):
            assert stop is not None
            stop()
            yield one


def test_a_merge_counts_the_scans_that_a_stopped_run_left(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def merge() -> tuple[int, dict[str, Any], str]:
        merged = CliRunner().invoke(app, ["cohort", "merge", str(out), "--json"])
        document = json.loads((out / "summary.json").read_text())
        assert json.loads(merged.stdout)["counts"] == document["counts"]
        return merged.exit_code, document, (out / "report.html").read_text()

    out = tmp_path / "out"
    (source / "broken.nii.gz").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(
            "anofpdm.cli.commands.cohorts.running._executor", lambda *_: StoppedAfterOne()
        )
        stopped = run(source, out)
    assert stopped.exit_code == 130
    assert "Cancelled" not in stopped.output
    for _ in range(2):  # a merge must not make the next one forget
        exit_code, document, page = merge()
        assert exit_code == 3
        assert document["counts"] == {"scans": 3, "done": 1, "failed": 0, "left": 2}
        assert document["left"] == ["b", "c"]
        assert "2 scans are left; the same segmentation command continues." in page
    shown = Console(width=200, record=True, file=StringIO())
    shown.print(cohort_summary(out, document))
    assert "2 scans are left" in shown.export_text()
    assert run(source, out, "--shard", "1/1").exit_code == 0
    exit_code, document, page = merge()
    assert (exit_code, document["left"]) == (0, [])
    assert document["counts"] == {"scans": 3, "done": 3, "failed": 0, "left": 0}
    assert "are left" not in page


def test_a_scan_that_killed_its_process_twice_is_set_aside(source: Path, tmp_path: Path) -> None:
    tries = Tries(tmp_path / "out" / ".cohort" / "tries")
    with pytest.raises(OSError, match="killed"), tries.one_more("a"):
        note = tries._note("a")
        raise OSError("killed")
    note.write_text("2")
    assert json.loads(run(source, tmp_path / "out").stdout)["counts"]["failed"] == 2
    assert "killed 2 times" in (tmp_path / "out" / "failures.csv").read_text()
    tried = json.loads(run(source, tmp_path / "out", "--retry-killed").stdout)
    assert (tried["segmented"], tried["counts"]["failed"]) == (1, 1)


def test_a_slurm_script_is_printed_for_the_same_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["segment-cohort", "my scans", "--out", "o", "--print-sbatch", "8", "--workers", "2",
              "--steps=4"]
    )  # fmt: skip
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "#SBATCH --array=1-8" in lines
    assert lines[-1] == "exec anofpdm segment-cohort 'my scans' --out o --steps=4 --workers 2"
    assert not (tmp_path / "o").exists()
