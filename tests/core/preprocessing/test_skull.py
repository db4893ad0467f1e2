"""Brain extraction: the tools, when they are used, and what is said where they are missing."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from anofpdm.common.errors import Cancelled, SettingsError, VolumeError
from anofpdm.preprocessing.skull.extraction import (
    brain_where_needed,
    extract_brain,
    with_margin,
)
from anofpdm.preprocessing.skull.tool import ToolMissingError
from anofpdm.scans.skull import sign_of_skull
from anofpdm.scans.volume import Volume
from tests.core.preprocessing.heads import brain, head

STAND_IN = """#!{python}
import sys
import nibabel as nib, numpy as np
if "--version" in sys.argv:
    print("stand-in 7.4.1"); raise SystemExit
given = dict(zip(sys.argv[1:], sys.argv[2:]))
{body}
"""
WRITES_MASK = """
image = nib.Nifti1Image.from_filename(given["-i"])
mask = (np.asarray(image.dataobj) > 40).astype("uint8")[::-1]
flip = np.diag([-1.0, 1, 1, 1]); flip[0, 3] = mask.shape[0] - 1
target = given["-m"] if "-m" in given else given["-o"][:-7] + "_bet.nii.gz"
nib.save(nib.Nifti1Image(mask, image.affine @ flip), target)
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the whole search path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def stand_in(folder: Path, name: str, body: str) -> None:
    program = folder / name
    program.write_text(STAND_IN.format(python=sys.executable, body=body))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def without_deepbet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepbet", None)
    monkeypatch.setitem(sys.modules, "deepbet.bet", None)


def test_deepbet_finds_the_brain_of_a_head() -> None:
    pytest.importorskip("deepbet")
    volume, inside = head()
    found = extract_brain(volume)
    mask = found.mask.data > 0
    assert 2 * np.count_nonzero(mask & inside) / (mask.sum() + inside.sum()) > 0.9
    assert found.record["tool"] == "deepbet" and found.version[0].isdigit()
    np.testing.assert_array_equal(found.mask.affine, volume.affine)


def test_a_head_shows_its_skull_and_a_brain_does_not() -> None:
    assert sign_of_skull(head()[0]) is not None
    assert sign_of_skull(brain()[0]) is None


def test_auto_leaves_a_brain_alone_and_needs_no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    without_deepbet(monkeypatch)
    said: list[str] = []
    assert brain_where_needed([brain()[0]], "auto", warn=said.append) is None
    assert brain_where_needed([head()[0]], "keep", warn=said.append) is None
    assert said == []


def test_auto_without_a_tool_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    without_deepbet(monkeypatch)
    said: list[str] = []
    assert brain_where_needed([head()[0]], "auto", warn=said.append) is None
    (sentence,) = said
    assert "looks unstripped" in sentence and "napari-anofpdm[skull]" in sentence
    with pytest.raises(ToolMissingError, match="not installed"):
        brain_where_needed([head()[0]], "deepbet", warn=said.append)


def test_auto_takes_the_scan_that_shows_its_skull(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def find_brain(volume: Volume, cancelled: object) -> tuple[np.ndarray, str]:
        seen.append(volume)
        return head()[1], "1.0"

    monkeypatch.setattr("anofpdm.preprocessing.skull.deepbet.find_brain", find_brain)
    first, second = brain()[0], head()[0]
    found = brain_where_needed([first, second], "auto", warn=pytest.fail)
    assert found is not None and seen == [second]
    assert found.reason in found.sentence


@pytest.mark.parametrize(
    ("tool", "program"), [("hd-bet", "hd-bet"), ("synthstrip", "mri_synthstrip")]
)
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
def test_a_program_of_the_user_is_called(programs: Path, tool: str, program: str) -> None:
    stand_in(programs, program, WRITES_MASK)
    volume, _ = head()
    found = extract_brain(volume, tool)  # type: ignore[arg-type]
    # The stand-in stores its mask along flipped axes.
    np.testing.assert_array_equal(found.mask.data > 0, volume.data > 40)
    assert (found.tool, found.version) == (tool, "7.4.1")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("sys.exit('weights are missing.')", r"exit code 1 \(weights are missing\)"),
        ("pass", "wrote no mask"),
        ("open(given['-m'], 'w').write('x')", "cannot be used"),
    ],
)
def test_a_program_that_fails_is_one_sentence(programs: Path, body: str, says: str) -> None:
    stand_in(programs, "mri_synthstrip", body)
    with pytest.raises(VolumeError, match=says):
        extract_brain(head()[0], "synthstrip")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
def test_a_running_program_is_ended_on_request(programs: Path) -> None:
    stand_in(programs, "mri_synthstrip", "sys.stdin.close(); import signal; signal.pause()")
    with pytest.raises(Cancelled):
        extract_brain(head()[0], "synthstrip", should_cancel=lambda: True)


def test_a_program_that_is_not_there_is_one_sentence(programs: Path) -> None:
    with pytest.raises(ToolMissingError, match="there is no program hd-bet"):
        extract_brain(head()[0], "hd-bet")


def test_an_unknown_tool_and_a_wide_margin_are_refused() -> None:
    with pytest.raises(SettingsError, match="choose deepbet"):
        extract_brain(head()[0], "bet")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="40 mm"):
        extract_brain(head()[0], margin_mm=40)


def test_a_margin_is_measured_in_millimetres() -> None:
    mask = np.zeros((21, 21, 21), dtype=bool)
    mask[10, 10, 10] = True
    grown = with_margin(mask, (1.0, 2.0, 5.0), 4.0)
    assert [int(grown.any(axis=tuple({0, 1, 2} - {k})).sum()) for k in range(3)] == [9, 5, 1]
    np.testing.assert_array_equal(with_margin(grown, (1.0, 2.0, 5.0), 0), grown)
    cube = np.zeros((21, 21, 21), dtype=bool)
    cube[5:16, 5:16, 5:16] = True
    assert with_margin(cube, (1.0, 1.0, 1.0), -2.0).sum() == 7**3
