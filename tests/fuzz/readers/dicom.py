"""DICOM: folders, multi-frame and compressed files, archives, DICOMDIRs."""

from __future__ import annotations

import shutil
from pathlib import Path

import gdcm

from anofpdm.common.errors import AnofpdmError
from anofpdm.scans.dicom.file_set import holds_dicom
from anofpdm.scans.dicom.series import find_series
from anofpdm.scans.volume import read_series, read_volume
from tests.core.dicom_cases import compress, write_disc, write_multi_frame, write_series
from tests.fuzz.harness import Reader


def _folder(folder: Path) -> Path:
    write_series(folder / "exam")
    return folder / "exam"


def _multi_frame(folder: Path) -> Path:
    write_multi_frame(folder / "exam.dcm")
    return folder / "exam.dcm"


def _zip(folder: Path) -> Path:
    write_series(folder / "in")
    made = shutil.make_archive(str(folder / "exam"), "zip", folder / "in")
    shutil.rmtree(folder / "in")
    return Path(made)


def _disc(folder: Path) -> Path:
    write_disc(folder / "disc", write_series(folder / "in"))
    shutil.rmtree(folder / "in")
    return folder / "disc" / "DICOMDIR"


def _compressed(syntax: int) -> Reader:
    def make(folder: Path) -> Path:
        for path in write_series(folder / "exam"):
            compress(path, syntax)
        return folder / "exam"

    return Reader(f"dicom {gdcm.TransferSyntax(syntax).GetString()}", make, _read)


def _read(path: Path) -> object:
    holds_dicom(path)
    found = find_series(path)
    for series in found:
        if series.fault is None:
            read_series(series)
    try:
        return read_volume(path, "flair")
    except AnofpdmError as error:
        return error


READERS = (
    Reader("dicom folder", _folder, _read),
    Reader("dicom multi-frame", _multi_frame, _read),
    Reader("dicom zip", _zip, _read),
    Reader("dicom disc", _disc, _read),
    _compressed(gdcm.TransferSyntax.JPEGLosslessProcess14_1),
    _compressed(gdcm.TransferSyntax.JPEG2000Lossless),
    _compressed(gdcm.TransferSyntax.RLELossless),
)
