"""Which file, channel and form a command reads, and what it calls them."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path, PureWindowsPath

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from anofpdm.cli.shared.console import Console
from anofpdm.cli.shared.inputs import images_by_modality
from anofpdm.jobs.progress import JobProgress
from anofpdm.segmentation.image_file import ImageFile
from tests.core.cohorts import coarse_training_phantoms
from tests.core.segmentation_cases import bundle, scan


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's settings out of the tests, and draw no picture."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")
    monkeypatch.setattr(
        "anofpdm.results.pictures.report.page.save_picture",
        lambda path, *_: path.write_bytes(b"png"),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model, a scan, and a file whose channels 0 and 1 are the scan turned round and the scan."""
    bundle().save(tmp_path / "tiny")
    volume = scan()
    nib.save(nib.Nifti1Image(volume.data, volume.affine), tmp_path / "flair.nii.gz")
    channels = np.stack([volume.data[::-1], volume.data], axis=-1)
    nib.save(nib.Nifti1Image(channels, volume.affine), tmp_path / "both.nii.gz")
    return tmp_path


def segment(folder: Path, image: str, out: str, *more: str) -> Result:
    given = ["segment", "--bundle", str(folder / "tiny"), "--image", image, "--out"]
    quick = ["--steps", "4", "--device", "cpu", "--json"]
    return CliRunner().invoke(app, [*given, str(folder / out), *quick, *more])


def report_of(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, result.stderr
    report: dict[str, object] = json.loads(result.stdout)
    return report


def map_of(out: Path) -> np.ndarray:
    return np.asarray(nib.Nifti1Image.from_filename(out / "anomaly_map.nii.gz").dataobj)


def test_a_channel_gives_what_its_own_file_gives(folder: Path) -> None:
    report_of(segment(folder, f"flair={folder}/flair.nii.gz", "alone"))
    report = report_of(segment(folder, f"flair={folder}/both.nii.gz:1", "second"))
    report_of(segment(folder, f"{folder}/both.nii.gz:0", "first"))
    assert report["sources"][0]["name"] == "both.nii.gz:1"  # type: ignore[index]
    np.testing.assert_array_equal(map_of(folder / "second"), map_of(folder / "alone"))
    assert not np.array_equal(map_of(folder / "first"), map_of(folder / "alone"))


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("both.nii.gz", "series of 2 frames"),
        ("both.nii.gz:2", "has no channel 2; it has 2, counted from 0"),
        ("none.nii.gz:0", "none.nii.gz does not exist"),
    ],
)
def test_a_channel_that_is_missing_is_one_sentence(folder: Path, image: str, says: str) -> None:
    result = segment(folder, f"flair={folder}/{image}", "out")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert says in result.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("text", "path", "channel"),
    [
        (r"C:\x\y.nii.gz:0", r"C:\x\y.nii.gz", 0),
        (r"C:\x\y.nii.gz", r"C:\x\y.nii.gz", None),
        ("C:/x/y.nii.gz:12", "C:/x/y.nii.gz", 12),
        ("D:7", "D:7", None),
        (r"\\server\share\y.nii:3", r"\\server\share\y.nii", 3),
        ("/x/y.nii.gz:3", "/x/y.nii.gz", 3),
        ("y:z.nii.gz", "y:z.nii.gz", None),
        ("y.nii.gz:one", "y.nii.gz:one", None),
    ],
)
def test_a_drive_is_no_channel(text: str, path: str, channel: int | None) -> None:
    assert ImageFile.of(text) == ImageFile(Path(path), channel)
    found = images_by_modality([f"flair={text}"], ["flair"])
    assert found == {"flair": ImageFile(Path(path), channel)}
    assert images_by_modality([text], ["flair"]) == found
    if channel is not None and text[0] in "CD":
        assert PureWindowsPath(str(ImageFile.of(text).path)).drive == "C:"


def test_a_file_whose_name_ends_like_a_channel_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.name == "nt":
        pytest.skip("a name cannot hold a colon here")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "y.nii:3").touch()
    assert ImageFile.of("y.nii:3") == ImageFile(Path("y.nii:3"))


def _two_forms(path: Path) -> None:
    """An sform of 4 x 5 x 6 mm voxels, and a qform of 2 x 2.5 x 3 mm ones."""
    volume = scan()
    header = nib.Nifti1Header()
    header.set_data_shape(volume.shape)
    header.set_data_dtype(np.float32)
    small = volume.affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    header.set_qform(small, 1)
    header.set_sform(volume.affine, 1)
    nib.save(nib.Nifti1Image(volume.data, None, header), path)


def test_form_chooses_what_counts(folder: Path) -> None:
    _two_forms(folder / "forms.nii.gz")
    image = f"flair={folder}/forms.nii.gz"
    warnings = {}
    for form in ("sform", "qform"):
        result = segment(folder, image, form, "--form", form)
        report_of(result)
        warnings[form] = result.stderr
    plain = segment(folder, image, "plain")
    report_of(plain)
    np.testing.assert_array_equal(map_of(folder / "plain"), map_of(folder / "sform"))
    assert not np.array_equal(map_of(folder / "qform"), map_of(folder / "sform"))
    sizes = "forms.nii.gz gives two voxel sizes: 4 x 5 x 6 mm by its sform and 2 x 2.5 x 3 mm"
    for form, said in warnings.items():
        assert sizes in said and f"the {form} counts" in said
    assert "the sform counts" in plain.stderr


def test_a_form_that_the_file_lacks_is_refused(folder: Path) -> None:
    nib.save(nib.MGHImage(scan().data, scan().affine), folder / "flair.mgz")
    result = segment(folder, f"flair={folder}/flair.mgz", "out", "--form", "qform")
    assert result.exit_code == 2
    assert "flair.mgz has neither an sform nor a qform" in result.stderr
    other = segment(folder, f"flair={folder}/flair.nii.gz", "out", "--form", "matrix")
    assert other.exit_code == 2
    assert "--form" in other.stderr


def test_reports_and_warnings_name_no_folder_unless_asked(folder: Path) -> None:
    _two_forms(folder / "forms.nii.gz")
    image = f"flair={folder}/forms.nii.gz"
    plain = segment(folder, image, "plain")
    report_of(plain)
    written = (folder / "plain" / "report.json").read_text()
    assert "forms.nii.gz" in written
    for text in (written, plain.stderr):
        assert str(folder) not in text
    asked = segment(folder, image, "asked", "--keep-paths")
    assert report_of(asked)["sources"][0]["name"] == f"{folder}/forms.nii.gz"  # type: ignore[index]
    assert f"{folder}/forms.nii.gz" in asked.stderr
    assert f"{folder}/forms.nii.gz" in (folder / "asked" / "report.json").read_text()


def test_a_refused_file_is_named_as_it_was_typed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many files of one name in many folders, the user must find the one."""
    monkeypatch.chdir(folder)
    (folder / "p01").mkdir()
    (folder / "p01" / "flair.nii.gz").write_bytes(b"no scan")
    result = segment(folder, "flair=p01/flair.nii.gz", "out")
    assert result.exit_code == 2
    assert "p01/flair.nii.gz is not a NIfTI file" in result.stderr
    assert str(folder) not in result.stderr
    assert not (folder / "out").exists()


def test_making_subjects_tells_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[JobProgress] = []
    monkeypatch.setattr(Console, "progress", lambda _: nullcontext(shown.append))
    given = ["phantom-dataset", "--seeds", "0:3", "--out", str(tmp_path / "d.zarr")]
    small = ["--size", "16", "--workers", "1"]
    with coarse_training_phantoms():
        result = CliRunner().invoke(app, [*given, *small])
    assert result.exit_code == 0, result.stderr
    assert (shown[-1].done, shown[-1].total, shown[-1].seconds_left) == (3, 3, 0)
