"""Wrong DICOM input: one sentence each, which names what is wrong and what to do."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
)

from anofpdm.common.errors import VolumeError
from anofpdm.scans.dicom import decoder, file_set, parsing
from anofpdm.scans.volume import read_volume
from tests.core.dicom_cases import (
    SAGITTAL,
    SECRETS,
    compress,
    pixels,
    save,
    write_disc,
    write_multi_frame,
    write_series,
)


def ct(folder: Path) -> None:
    write_series(folder, fields={"SOPClassUID": CTImageStorage, "Modality": "CT"})


def pet(folder: Path) -> None:
    kind = PositronEmissionTomographyImageStorage
    write_series(folder, fields={"SOPClassUID": kind, "Modality": "PT"})


def localizer(folder: Path) -> None:
    write_series(folder, fields={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})


def three_planes(folder: Path) -> None:
    turned = {"ImageOrientationPatient": [x for axis in SAGITTAL for x in axis]}
    write_series(folder, of_slice={0: turned, 3: turned})


def screenshot(folder: Path) -> None:
    write_series(folder, fields={"SOPClassUID": SecondaryCaptureImageStorage})


def colour(folder: Path) -> None:
    for path in write_series(folder):
        image = dcmread(path)
        image.SamplesPerPixel, image.PhotometricInterpretation = 3, "RGB"
        save(image, path)


def single_slice(folder: Path) -> None:
    write_series(folder, pixels((14, 12, 1)))


def perfusion(folder: Path) -> None:
    write_series(folder)
    write_series(folder, start=100)


def doubled(folder: Path) -> None:
    write_series(folder)
    write_series(folder, pixels((14, 12, 2)), start=100)


def one_missing(folder: Path) -> None:
    write_series(folder)[2].unlink()


def uneven(folder: Path) -> None:
    heights = (0, 5, 10, 17, 22, 27)
    write_series(folder, positions=[(-30, -40, height) for height in heights])


def wandering(folder: Path) -> None:
    aside = (0, 2, 0, 2, 0, 2)
    write_series(folder, positions=[(-30 + x, -40, 5 * k) for k, x in enumerate(aside)])


def mosaic(folder: Path) -> None:
    write_series(folder, fields={"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]})


def no_positions(folder: Path) -> None:
    for path in write_series(folder):
        image = dcmread(path)
        del image.ImagePositionPatient
        save(image, path)


def no_pixels(folder: Path) -> None:
    for path in write_series(folder):
        image = dcmread(path)
        del image.PixelData
        save(image, path)


def cut_off(folder: Path) -> None:
    path = write_series(folder)[2]
    path.write_bytes(path.read_bytes()[:-100])


def cut_off_header(folder: Path) -> None:
    path = write_series(folder)[2]
    path.write_bytes(path.read_bytes()[:400])


def encrypted(folder: Path) -> None:
    folder.mkdir()
    (folder / "IM0001").write_bytes(b"\x30\x80\x06\x09" + bytes(200))


def nothing(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("no image")


def frames_missing(folder: Path) -> None:
    write_multi_frame(folder / "enhanced.dcm")
    image = dcmread(folder / "enhanced.dcm")
    image.NumberOfFrames = 4
    image.PixelData = image.PixelData[: 4 * 2 * 14 * 12]
    save(image, folder / "enhanced.dcm")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (ct, "series 5 is a CT series, not MRI"),
        (pet, "series 5 is a PET series, not MRI"),
        (localizer, "series 5 is a localizer"),
        (three_planes, "slices of 2 orientations, as localizers do"),
        (screenshot, "is a screenshot"),
        (colour, "is in colour"),
        (single_slice, "is a single slice"),
        (perfusion, "holds 2 volumes of 6 slices"),
        (doubled, "has 2 of its 6 slice positions more than once"),
        (one_missing, "has 5 slices 5 mm apart, but 1 slice is missing"),
        (uneven, r"unevenly spaced slices \(5 to 7 mm apart\)"),
        (wandering, "shifted against each other unevenly"),
        (mosaic, "is a mosaic"),
        (no_positions, "does not say where its slices lie"),
        (no_pixels, "image 1 of 6 of series 5 has no pixels"),
        (cut_off, "image 3 of 6 of series 5 is truncated or damaged"),
        (cut_off_header, "IM000. in .* is truncated or damaged"),
        (encrypted, "1 encrypted files"),
        (nothing, r"holds no DICOM images \(files of other kinds: 1\)"),
        (frames_missing, "series 7 has fewer frames than its header says"),
    ],
)
def test_what_is_no_volume_is_refused_in_a_sentence(
    tmp_path: Path, made: Callable[[Path], Any], says: str
) -> None:
    made(tmp_path / "exam")
    with pytest.raises(VolumeError, match=says) as caught:
        read_volume(tmp_path / "exam", "flair")
    message = str(caught.value)
    assert message.startswith(str(tmp_path)) or message.startswith("IM000")
    assert message.endswith(".")
    assert not any(secret in message for secret in SECRETS)


def test_a_decoder_that_dies_is_a_damaged_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in write_series(tmp_path):
        compress(path, gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    read_volume(tmp_path)
    monkeypatch.setattr(decoder, "child_environment", lambda: {"PYTHONHOME": "nowhere"})
    with pytest.raises(VolumeError, match="image 1 of 6 of series 5 is truncated or damaged"):
        read_volume(tmp_path)


def test_a_deflated_image_that_inflates_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path, syntax=DeflatedExplicitVRLittleEndian)
    read_volume(tmp_path)
    monkeypatch.setattr(parsing, "_LARGEST_INFLATED", 500)
    with pytest.raises(VolumeError, match=r"IM000\d in .* is truncated or damaged"):
        read_volume(tmp_path)


def test_a_file_that_ends_in_zeros_is_read_or_refused_at_once(tmp_path: Path) -> None:
    for path in write_series(tmp_path):
        with path.open("r+b") as stream:
            stream.truncate(2**33)  # takes no space: a hole
    with pytest.raises(VolumeError, match="image 1 of 6 of series 5 is far larger"):
        read_volume(tmp_path)


def zipped(path: Path, names: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return path


def test_a_zip_with_names_that_lead_out_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "exam.zip", {"../../outside": b"x"})
    with pytest.raises(VolumeError, match="names that lead out of the archive"):
        read_volume(path)
    assert [each.name for each in tmp_path.iterdir()] == ["exam.zip"]


def test_a_zip_that_unpacks_too_large_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_set, "_MOST_BYTES_IN_ZIP", 2**20)
    path = zipped(tmp_path / "exam.zip", {"zeros": bytes(2**21)})
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(VolumeError, match=r"holds 1 files of 0.0 GiB unpacked, more than"):
        read_volume(path)


def test_a_zip_that_lies_about_its_size_is_not_read_beyond_it(tmp_path: Path) -> None:
    path = zipped(tmp_path / "exam.zip", {"a.dcm": bytes(1000) * 1000})
    content = path.read_bytes()
    path.write_bytes(content.replace((10**6).to_bytes(4, "little"), (500).to_bytes(4, "little")))
    with pytest.raises(VolumeError, match="is damaged"):
        read_volume(path)


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exam.zip").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(VolumeError, match="is not a readable zip archive"):
        read_volume(tmp_path / "exam.zip")


def test_a_dicomdir_that_points_nowhere_is_refused(tmp_path: Path) -> None:
    write_disc(tmp_path / "disc", write_series(tmp_path / "in"))
    images = [path for path in (tmp_path / "disc").rglob("*") if path.is_file()]
    for path in images:
        if path.name != "DICOMDIR":
            path.unlink()
    with pytest.raises(VolumeError, match="lists 6 images, and 6 of them do not exist beside it"):
        read_volume(tmp_path / "disc" / "DICOMDIR")


def test_a_damaged_dicomdir_is_refused(tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(b"no directory")
    with pytest.raises(VolumeError, match="is not a readable DICOMDIR"):
        read_volume(tmp_path / "DICOMDIR")


def test_unusable_series_beside_a_usable_one_do_not_count(tmp_path: Path) -> None:
    write_series(tmp_path / "a", number=1, fields={"ImageType": ["ORIGINAL", "P", "LOCALIZER"]})
    write_series(tmp_path / "b", number=2)
    assert read_volume(tmp_path).name == "DICOM series 2"
    with pytest.raises(VolumeError, match="series 1 is a localizer"):
        read_volume(tmp_path, series="1")


def test_options_of_other_formats_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path)
    with pytest.raises(VolumeError, match="leave --form out"):
        read_volume(tmp_path, form="qform")
    with pytest.raises(VolumeError, match="has no channels; choose a series"):
        read_volume(tmp_path, channel=0)


def test_missing_pydicom_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(VolumeError, match=r"needs pydicom .* 'napari-anofpdm\[dicom\]'"):
        read_volume(tmp_path)


def test_a_png_named_dcm_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "picture.dcm"
    path.write_bytes(b"\x89PNG" + np.random.default_rng(0).bytes(500))
    with pytest.raises(VolumeError, match="is not a DICOM image"):
        read_volume(path)
