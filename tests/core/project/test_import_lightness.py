from __future__ import annotations

import pytest

import anofpdm
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
