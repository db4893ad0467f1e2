from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLUGIN = "napari_anofpdm"
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(root: Path) -> tuple[int, list[str]]:
    """Check the contracts of pyproject.toml; the exit status and the names of those broken."""
    packages = os.pathsep.join([str(root / "src_core"), str(root)])
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": packages, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    broken = [line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")]
    assert done.returncode == 0 or broken, done.stdout + done.stderr
    return done.returncode, broken


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    only_python = shutil.ignore_patterns("bundles", "__pycache__", "*.yaml")
    for folder in ("src_core/anofpdm", "napari_anofpdm"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=only_python)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_rooms_keep_their_contracts() -> None:
    assert lint(ROOT) == (0, [])


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("common/device.py", "anofpdm.scans.volume", "The core's rooms"),
        ("method/settings.py", "anofpdm.scans.volume", "The core's rooms"),
        ("scans/volume.py", "anofpdm.method.settings", "The core's rooms"),
        ("results/report.py", "anofpdm.datasets.case", "The core's rooms"),
        ("synthetic/phantom.py", "anofpdm.training.config", "The core's rooms"),
        ("training/data/draws.py", "anofpdm.training.config", "Training"),
        ("datasets/labels/rule.py", "anofpdm.datasets.preparation.config", "Datasets"),
        ("cli/shared/options.py", "anofpdm.cli.commands.job", "Command line"),
        ("analysis/inputs.py", "anofpdm.analysis.analysis", "The core has no circle"),
        ("model/unet_config.py", "anofpdm.model.unet", "The core has no circle"),
        ("results/report.py", "qtpy", "The core knows no window"),
        ("cli/app.py", "napari_anofpdm.panels", "The core knows no window"),
        (f"{PLUGIN}/session/session.py", f"{PLUGIN}.layers.manager", "The plugin's rooms"),
        (f"{PLUGIN}/panels/label/panel.py", f"{PLUGIN}.io.open_action", "The plugin's rooms"),
        (f"{PLUGIN}/panels/jobs/panel.py", f"{PLUGIN}.panels.analyse.panel", "Panels"),
        (f"{PLUGIN}/app/context.py", f"{PLUGIN}.app.shortcuts", "App"),
        (
            f"{PLUGIN}/layers/shown_layers.py",
            f"{PLUGIN}.layers.manager",
            "The plugin has no circle",
        ),
    ],
)
def test_an_import_that_breaks_a_contract_is_found(
    copy: Path, module: str, imported: str, contract: str
) -> None:
    root = "" if module.startswith("napari_anofpdm") else "src_core/anofpdm"
    with (copy / root / module).open("a") as file:
        file.write(f"\n\ndef _late() -> None:\n    import {imported}\n")
    status, broken = lint(copy)
    assert status != 0
    assert any(name.startswith(contract) for name in broken), broken


def test_a_new_room_needs_a_place_in_the_contract(copy: Path) -> None:
    room = copy / "src_core/anofpdm/attic"
    room.mkdir()
    (room / "__init__.py").write_text("")
    status, broken = lint(copy)
    assert status != 0
    assert [name for name in broken if name.startswith("The core's rooms")]
