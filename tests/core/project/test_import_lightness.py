from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import anofpdm
from anofpdm.cli.app import app
from tests.core.loaded_modules import loaded_after, loaded_after_each

HEAVY = (
    "torch",
    "numpy",
    "scipy",
    "skimage",
    "sklearn",
    "nibabel",
    "nilearn",
    "zarr",
    "matplotlib",
    "pydantic",
    "typer",
)
# Scores need scikit-learn, and training torch's compiler: nothing else is to wait for them.
SLOW = ("sklearn", "scipy.stats", "pandas", "sympy", "torch._dynamo")
GUI = ("napari", "qtpy", "PyQt5", "PyQt6", "PySide6", "magicgui", "superqt")

FOLDER = Path(__file__).parent


def test_the_probe_sees_an_import() -> None:
    before, after = loaded_after_each(["pass", "import sqlite3"])
    assert "sqlite3" not in before
    assert "sqlite3" in after


def test_importing_the_core_is_light() -> None:
    assert loaded_after("import anofpdm").isdisjoint({*HEAVY, *GUI})


def test_what_needs_no_network_leaves_torch_alone() -> None:
    codes = [
        "import anofpdm.cli",  # the command line
        "from anofpdm import Settings",
        "from anofpdm import Volume, read_volume, write_nifti",
        "from anofpdm import list_bundles, load_bundle",
        "import napari_anofpdm, napari_anofpdm.io.sample_data",  # what napari reads at its start
    ]
    for code, loaded in zip(codes, loaded_after_each(codes), strict=True):
        assert loaded.isdisjoint({"torch", *GUI}), code


def test_the_command_line_starts_without_what_only_some_commands_need() -> None:
    loaded = loaded_after("import anofpdm.cli.app")
    assert loaded.isdisjoint(
        {"torch", "zarr", "nibabel", "scipy", "matplotlib", "distributed", *GUI}
    )


def test_a_cohort_is_planned_and_kept_without_torch() -> None:
    loaded = loaded_after(
        "from anofpdm.cohorts.work import SegmentWork\n"
        "from anofpdm.cohorts.documents import write_documents\n"
        "from anofpdm.common.executors.dask_cluster import DaskExecutor"
    )
    assert loaded.isdisjoint({"torch", "matplotlib", *SLOW, *GUI})


def test_a_missing_file_is_told_before_torch_is_imported() -> None:
    commands = [
        "segment --image flair=missing.nii --out o",
        f"segment --image flair={__file__} --brain-mask missing.nii --out o",
        f"segment --image flair={__file__} --bundle missing --out o",
        "follow-up --baseline flair=missing.nii --follow-up flair=later.nii --out o",
        f"follow-up --baseline flair={__file__} --follow-up flair=missing.nii --out o",
        f"follow-up --baseline flair={__file__} --follow-up flair={__file__} --bundle missing "
        "--out o",
        "interpret missing --out o",
        "figure missing --out o.png",
        "cine missing --out o.gif",
        "preprocess --image flair=missing.nii --out o",
        "segment-cohort missing --out o",
        f"segment-cohort {FOLDER} --bundle missing --out o",
        "cohort merge missing",
        "bids missing o participant",
        "dicom list missing",
        "bundle show missing",
        "bundle card missing --out o",
        "bundle verify missing",
        "prepare missing --layout brats --out o",
        f"train missing.toml --dataset {FOLDER} --out o",
        f"train {__file__} --dataset missing.zarr --out o",
        f"train {__file__} --dataset {FOLDER} --start-from missing --out o",
        "select-guidance --bundle flair-synth --dataset missing.zarr --out o",
        f"select-guidance --bundle missing --dataset {FOLDER} --out o",
        "import-checkpoint missing.pt --modalities flair --out o",
        "evaluate --source missing.csv --out o",
        f"evaluate --source {__file__} --bundle missing --out o",
        "compare --dataset missing.zarr --out o",
        f"compare --source {__file__} --bundle missing --out o",
        "describe-intensity --source missing.csv --out o",
    ]
    # What reads no file, and jobs, which the folder of jobs knows.
    others = {"demo", "phantom", "phantom-dataset", "job", "bundle list"}
    tried = {name for name in _names_of_commands() for one in commands if one.startswith(name)}
    assert set(_names_of_commands()) - tried == others
    start = "from anofpdm.cli.app import app; from typer.testing import CliRunner"
    codes = [
        f"done = CliRunner().invoke(app, {command.split()!r})\n"
        "assert done.exit_code == 2 and 'missing' in done.stderr, done.output"
        for command in commands
    ]
    for command, loaded in zip(commands, loaded_after_each([start, *codes])[1:], strict=True):
        assert "torch" not in loaded, command


def _names_of_commands() -> Iterator[str]:
    root: Any = get_command(app)
    for name, command in root.commands.items():
        if name != "job" and hasattr(command, "commands"):
            yield from (f"{name} {below}" for below in command.commands)
        else:
            yield name


def test_the_public_interface_and_a_network_need_neither_a_gui_nor_what_takes_seconds() -> None:
    loaded = loaded_after("from anofpdm import *\nload_bundle('flair-synth').network()")
    assert {"torch", "anofpdm.model.unet"} <= loaded
    assert loaded.isdisjoint({*GUI, *SLOW})


def test_every_public_name_resolves() -> None:
    for name in anofpdm.__all__:
        assert getattr(anofpdm, name) is not None
    assert set(anofpdm.__all__) <= set(dir(anofpdm))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segmentations'"):
        _ = anofpdm.segmentations
