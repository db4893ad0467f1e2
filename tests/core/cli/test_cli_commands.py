"""The other commands, their help, and real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from anofpdm.datasets import SliceDataset
from anofpdm.results.folder import result_folder
from tests.core.cli.case import (
    case,
    names,
    own_settings,
    quick_picture,
    refused,
    run,
)

__all__ = ["case", "own_settings", "quick_picture"]


def test_bundle_commands_name_models(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANOFPDM_BUNDLES", str(case))
    listed = json.loads(run("bundle", "list", "--json").stdout)["bundles"]
    assert {"tiny", "plain", "two"} <= {entry["name"] for entry in listed}
    assert "tiny" in run("bundle", "list").stdout
    for row in listed:  # paths and hashes go on in the next line, and are never cut
        assert row["path"] in "".join(run("bundle", "list").stdout.split())
    whole = "".join(run("bundle", "show", "tiny").stdout.split())
    shown = json.loads(run("bundle", "show", "tiny", "--json").stdout)
    assert shown["metadata"]["modalities"] == ["flair"]
    assert shown["hash"] in whole and "…" not in whole
    assert "w = 2" in run("bundle", "show", "tiny").stdout
    assert "none" in run("bundle", "show", "plain").stdout
    verified = json.loads(run("bundle", "verify", "tiny", "--json").stdout)
    assert verified["valid"] and verified["parameters"] > 0


def test_phantom_writes_scan_and_truth(tmp_path: Path) -> None:
    # Of the voxels that the seeds draw, those of 53 are among the largest: the fewest to fill.
    out = tmp_path / "subject"
    result = run("phantom", "--seed", 53, "--out", out, "--kind", "ms", "--json")
    assert result.exit_code == 0, result.stderr
    assert names(out) == ["flair.nii.gz", "lesion.nii.gz", "phantom.json"]
    assert json.loads(result.stdout)["lesion_ml"] > 0
    assert json.loads((out / "phantom.json").read_text())["kind"] == "ms"
    refused(run("phantom", "--seed", 53, "--out", tmp_path / "subject"), "already contains results")


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_a_path_that_another_command_is_writing_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr("anofpdm.synthetic.write_phantom", lambda *_, **__: pytest.fail("it began"))
    out = tmp_path / "out"
    with result_folder(out, overwrite=True):
        refused(run("phantom", "--seed", 3, "--out", out, *more), "Another process is writing")
    # A dataset, too.
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["flair"]) as writer:
        result = run("phantom-dataset", "--seeds", "0:1", "--out", tmp_path / "d.zarr", *more)
        refused(result, "Another process is writing")
        writer.append(np.zeros((1, 1, 8, 8)), [0], subject="a", split="train")
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize("command", [
    ("phantom-dataset", "--seeds", "0:1"),
    ("select-guidance", "--bundle", "flair-synth", "--dataset", "d.zarr"),
])  # fmt: skip
def test_places_that_take_no_results_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    for out in ("", "/proc/x", "/dev/null/x", "x" * 255, "y" * 256):
        result = run(*command, "--out", out)
        assert result.exit_code == 2, result.stderr
        assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1, out
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    refused(run(*command, "--out", "here"), "The current folder no longer exists")
    assert names(tmp_path) == []


SUBJECT = SimpleNamespace(description={"kind": "healthy", "lesion_ml": 0.0})


def test_a_name_that_is_no_text_can_be_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("anofpdm.synthetic.write_phantom", lambda *_, **__: SUBJECT)
    result = run("phantom", "--seed", 3, "--out", "a\udcff")
    assert result.exit_code == 0, result.stderr
    assert "in a\\udcff" in result.stdout


def test_phantom_of_an_unknown_contrast_or_kind_is_refused(tmp_path: Path) -> None:
    refused(run("phantom", "--seed", 3, "--out", tmp_path / "x", "--modality", "pet"), "pet")
    refused(run("phantom", "--seed", 3, "--out", tmp_path / "x", "--kind", "cyst"), "got cyst")
    refused(
        run("phantom", "--seed", 3, "--out", tmp_path / "x", "--kind", "ms", "--healthy"),
        "no lesions of the kind ms",
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "command",
    [[], ["segment"], ["interpret"], ["phantom"], ["train"], ["select-guidance"], ["demo"],
     ["import-checkpoint"], ["bundle"], ["bundle", "list"], ["bundle", "show"],
     ["bundle", "verify"]],
)  # fmt: skip
def test_help_explains_every_option(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_no_command_shows_the_help() -> None:
    assert "segment" in run().stdout


RUN = "from anofpdm.cli import main; main()"
# Holds the command up where it would load the model, so that a signal meets it at work.
HELD = """
import threading
from anofpdm.model import bundle

def load_bundle(*_, **__):
    print("at work", flush=True)
    threading.Event().wait()

bundle.load_bundle = load_bundle
"""


def process(*arguments: object, code: str = RUN) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    # A shell that starts the tests in its background has them ignore SIGINT, and so their children.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ.copy(),
        )
    finally:
        signal.signal(signal.SIGINT, former)


def test_real_process_reports_a_mistake(case: Path, tmp_path: Path) -> None:
    running = process("segment", "--image", "no.nii", "--bundle", case / "tiny", "--out",
                      tmp_path / "out")  # fmt: skip
    out, err = running.communicate()
    assert (running.returncode, out) == (2, "")
    assert err == "Error: no.nii does not exist; check the path.\n"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_real_process_cancelled_by_a_signal_leaves_nothing(
    case: Path, tmp_path: Path, name: str
) -> None:
    running = process("segment", "--image", "scan.nii", "--bundle", case / "tiny", "--out",
                      tmp_path / "deep" / "out", code=HELD + RUN)  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "at work\n"
    running.send_signal(signal.Signals[name])
    _, err = running.communicate()
    assert running.returncode == 130
    assert err.startswith("Cancelled")
    assert names(tmp_path) == []
