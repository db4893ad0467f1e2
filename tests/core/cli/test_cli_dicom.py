"""From DICOM to results on the command line, without the patient's name and without a network."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from anofpdm.results.folder import DEFAULT_NAMES, DICOM_NAMES, NRRD_NAMES
from anofpdm.scans.volume import read_volume
from tests.core.dicom_cases import SECRETS, write_series
from tests.core.segmentation_cases import SPACING, bundle, scan, write_scan

QUICK = ("--device", "cpu", "--batch-size", 8)


@pytest.fixture
def exam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is called after the patient, with a FLAIR and a T1 series; and a model."""

    forbid_network(monkeypatch)
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")
    monkeypatch.setattr(
        "anofpdm.results.pictures.report.page.save_picture",
        lambda path, picture, _: path.write_text(f"{picture.title} {picture.warnings}"),
    )
    monkeypatch.chdir(tmp_path)
    bundle().save(tmp_path / "tiny")
    folder = tmp_path / "Nightingale^Florence 18200512"
    data = scan().data.astype(np.uint16)
    write_series(folder / "a", data, spacing=SPACING, description="Nightingale flair")
    write_series(folder / "b", data, spacing=SPACING, number=6, description="t1 MRN-4711")
    return folder


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse all sockets but those within this machine, which asyncio wakes its loop with."""
    for name in ("connect", "connect_ex", "sendto", "bind"):
        real = getattr(socket.socket, name)

        def only_local(self: socket.socket, *given: Any, real: Any = real) -> Any:
            if not str(given[-1]).startswith("('127."):
                raise AssertionError(f"a socket was used: {given}")
            return real(self, *given)

        monkeypatch.setattr(socket.socket, name, only_local)

    def refuse(*given: object, **_: object) -> None:
        raise AssertionError(f"a name was looked up: {given}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "gethostbyname", refuse)


def test_the_probe_sees_a_connection(exam: Path) -> None:
    with pytest.raises(AssertionError, match="a socket was used"), socket.socket() as one:
        one.connect(("192.0.2.1", 80))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def segment(exam: Path, *more: object) -> Result:
    return run("segment", "--bundle", exam.parent / "tiny", "--image", f"flair={exam}",
               "--out", exam.parent / "out", *QUICK, *more)  # fmt: skip


def test_a_cohort_has_dicom_results_beside_each_dicom_scan(exam: Path) -> None:
    source, out = exam.parent / "source", exam.parent / "out"
    source.mkdir()
    exam.rename(source / "exam")
    write_scan(source / "other.nii.gz")
    given = ("--bundle", exam.parent / "tiny", "--out", out, "--workers", 1, "--json", *QUICK)
    result = run("segment-cohort", source, *given, "--dicom")
    assert result.exit_code == 0, result.stderr
    folder = out / "scans" / "exam"
    written = dcmread(folder / DICOM_NAMES[0])
    assert written.PatientName == dcmread(next((source / "exam" / "a").iterdir())).PatientName
    assert np.count_nonzero(written.pixel_array) == np.count_nonzero(
        read_volume(folder / "mask.nii.gz").data
    )
    assert all((folder / name).is_file() for name in DICOM_NAMES)
    other = out / "scans" / "other"
    assert not any((other / name).exists() for name in DICOM_NAMES)
    (warning,) = [
        text
        for text in json.loads((other / "report.json").read_text())["warnings"]
        if "DICOM" in text
    ]
    assert warning == "other.nii.gz does not come from DICOM; it has no DICOM results."


def test_segment_writes_dicom_and_nrrd(exam: Path) -> None:
    result = segment(exam, "--dicom", "--nrrd", "--json", "--keep-analysis")
    assert result.exit_code == 0, result.stderr
    out = exam.parent / "out"
    present = {path.name for path in out.iterdir()}
    assert present == {*DEFAULT_NAMES, *DICOM_NAMES, *NRRD_NAMES, "analysis.anofpdm.zarr"}
    mask = read_volume(out / "mask.nii.gz")
    np.testing.assert_array_equal(read_volume(out / "mask.nrrd").data, mask.data)
    assert dcmread(out / "mask.dcm").pixel_array.sum() == mask.data.sum()
    again = run("interpret", out / "analysis.anofpdm.zarr", "--out", exam.parent / "again",
                "--dicom-source", f"{exam}#5")  # fmt: skip
    assert again.exit_code == 0, again.stderr
    both = [dcmread(folder / "mask.dcm") for folder in (out, exam.parent / "again")]
    np.testing.assert_array_equal(both[0].pixel_array, both[1].pixel_array)


def test_the_patient_appears_nowhere(exam: Path) -> None:
    result = segment(exam, "--dicom", "--deidentify", "--nrrd", "--debug", "--keep-analysis")
    assert result.exit_code == 0, result.stderr
    assert "Reading 5 (FLAIR" in result.stderr
    out = exam.parent / "out"
    assert json.loads((out / "report.json").read_text())["sources"][0]["name"] == "DICOM series 5"
    texts = {"stdout": result.stdout.encode(), "stderr": result.stderr.encode()}
    for path in out.rglob("*"):
        texts[f"name of {path.name}"] = path.name.encode()
        if path.is_file():
            texts[path.name] = path.read_bytes()
    for where, text in texts.items():
        for secret in SECRETS:
            assert secret.encode() not in text, (where, secret)


def test_what_does_not_fit_together_is_refused_and_nothing_written(
    exam: Path, tmp_path: Path
) -> None:
    assert "add --dicom" in segment(exam, "--deidentify").stderr
    nifti = tmp_path / "scan.nii.gz"
    write_scan(nifti)
    result = run("segment", "--bundle", tmp_path / "tiny", "--image", nifti, "--out",
                 tmp_path / "out", "--dicom")  # fmt: skip
    assert result.exit_code == 2
    assert "--dicom needs a scan that comes from DICOM" in result.stderr
    assert not (tmp_path / "out").exists()


def test_several_series_are_listed_and_refused(exam: Path) -> None:
    data = scan().data.astype(np.uint16)
    write_series(exam / "c", data, number=7, description="flair cor")
    result = segment(exam)
    assert result.exit_code == 2
    assert "has several series, 5 (FLAIR, 14 x 15 x 6), 7 (FLAIR, 14 x 15 x 6)" in result.stderr
    assert not (exam.parent / "out").exists()
    assert segment(Path(f"{exam}#7")).exit_code == 0


def test_list_prints_what_there_is_to_choose_from(exam: Path) -> None:
    write_series(exam / "c", number=1, fields={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    result = run("dicom", "list", exam, "--json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)["series"]
    assert [(row["series"], row["contrast"]) for row in rows] == [
        ("1", "flair"), ("5", "flair"), ("6", "t1")
    ]  # fmt: skip
    assert rows[0]["fault"].startswith("is a localizer")
    assert rows[1]["matrix"] == [14, 15, 6]
    assert rows[1]["spacing_mm"] == list(SPACING)
    assert "Nightingale flair" in run("dicom", "list", exam).stdout
