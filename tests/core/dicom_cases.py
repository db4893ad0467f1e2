"""DICOM series written for tests, of a patient whose name must not appear in any result."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

PATIENT = {
    "PatientName": "Nightingale^Florence",
    "PatientID": "MRN-4711",
    "PatientBirthDate": "18200512",
    "PatientSex": "F",
    "AccessionNumber": "ACC-0815",
    "ReferringPhysicianName": "Hawkins^Referring",
    "StudyDate": "19070813",
    "SeriesDate": "19070813",
    "StudyTime": "131415",
    "StudyID": "STUDY-99",
    "InstitutionName": "Scutari Barracks",
}
SECRETS = (
    *("Nightingale", "Florence", "MRN-4711", "18200512", "ACC-0815"),
    *("Hawkins", "19070813", "131415", "STUDY-99", "Scutari"),
)

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
_C, _S = np.cos(0.3), np.sin(0.3)
OBLIQUE = ((float(_C), float(_S), 0.0), (float(-_S * _C), float(_C * _C), float(_S)))
_STUDY = generate_uid(entropy_srcs=["study"])
_FRAME = generate_uid(entropy_srcs=["frame of reference"])


def pixels(shape: tuple[int, int, int] = (14, 12, 6)) -> NDArray[np.uint16]:
    """Columns, rows, slices: no two voxels alike along any axis."""
    i, j, k = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return np.asarray(10 + 100 * k + 7 * i + 3 * j + (i * j) % 5, dtype=np.uint16)


def write_series(
    folder: Path,
    data: NDArray[Any] | None = None,
    *,
    directions: tuple[Sequence[float], Sequence[float]] = AXIAL,
    origin: Sequence[float] = (-30.0, -40.0, -20.0),
    spacing: tuple[float, float, float] = (2.0, 3.0, 5.0),
    positions: Sequence[Sequence[float]] | None = None,
    number: int = 5,
    description: str = "t2_tirm_tra_dark-fluid",
    fields: Mapping[str, Any] | None = None,
    of_slice: Mapping[int, Mapping[str, Any]] | None = None,
    syntax: UID = ExplicitVRLittleEndian,
    start: int = 0,
) -> list[Path]:
    """Write a series, one file a slice, in an order that is not that of the slices.

    `spacing` is between columns, rows and slices; `positions` replace those along the normal;
    `fields` go into each header, `of_slice` into that of one slice (counted along the normal).
    """
    data = pixels() if data is None else data
    folder.mkdir(parents=True, exist_ok=True)
    row, column = map(np.asarray, directions)
    normal = np.cross(row, column)
    count = data.shape[2]
    order = np.random.default_rng(count).permutation(count)
    paths = [Path()] * count
    for place, k in enumerate(order):
        where = np.asarray(origin) + k * spacing[2] * normal if positions is None else positions[k]
        header = mr_header(number, description, int(k) + start)
        header.ImagePositionPatient = [f"{x:.10g}"[:16] for x in where]
        header.ImageOrientationPatient = [f"{x:.10f}"[:16] for x in (*row, *column)]
        header.PixelSpacing = [spacing[1], spacing[0]]
        header.InstanceNumber = place + 1
        _set_pixels(header, data[:, :, k].T)
        for name, value in {**(fields or {}), **((of_slice or {}).get(int(k), {}))}.items():
            setattr(header, name, value)
        paths[k] = folder / f"IM{place + start:04d}"
        save(header, paths[k], syntax)
    return paths


def mr_header(number: int, description: str, instance: int) -> FileDataset:
    """Header of an image of the patient, without geometry and pixels."""
    meta = FileMetaDataset()
    header = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID = MRImageStorage
    header.SOPInstanceUID = generate_uid(entropy_srcs=["image", str(number), str(instance)])
    header.StudyInstanceUID = _STUDY
    header.SeriesInstanceUID = generate_uid(entropy_srcs=["series", str(number)])
    header.FrameOfReferenceUID = _FRAME
    header.Modality = "MR"
    header.Manufacturer = "Test"
    header.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    header.SeriesNumber = number
    header.SeriesDescription = description
    for name, value in PATIENT.items():
        setattr(header, name, value)
    return header


def save(header: FileDataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> None:
    """Write a header with its pixels in a transfer syntax."""
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.file_meta.TransferSyntaxUID = syntax
    little = syntax.is_little_endian
    if not little:
        words = np.frombuffer(header.PixelData, "<u2").byteswap()
        header.PixelData = words.tobytes()
    dcmwrite(
        path,
        header,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=little,
        force_encoding=True,
    )


def compress(path: Path, syntax: int) -> None:
    """Compress the pixels of a file in place, by GDCM."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    written = path.with_name("compressed")
    writer.SetFileName(str(written))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    shutil.move(written, path)


def write_multi_frame(
    path: Path,
    data: NDArray[Any] | None = None,
    *,
    spacing: tuple[float, float, float] = (2.0, 3.0, 5.0),
    slopes: Sequence[float] | None = None,
    echoes: Sequence[float] | None = None,
    number: int = 7,
) -> None:
    """Write an enhanced multi-frame MR image, its frames from the head down.

    With `echoes`, the whole stack is there once for each.
    """
    data = pixels() if data is None else data
    count = data.shape[2]
    header = mr_header(number, "t2_flair_enhanced", 0)
    header.SOPClassUID = EnhancedMRImageStorage
    shared = Dataset()
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [spacing[1], spacing[0]]
    measures.SliceThickness = spacing[2]
    shared.PlaneOrientationSequence = Items([orientation])
    shared.PixelMeasuresSequence = Items([measures])
    header.SharedFunctionalGroupsSequence = Items([shared])
    frames, planes = [], []
    for echo in echoes or [90.0]:
        for k in reversed(range(count)):
            group, position, value, time, content = (Dataset() for _ in range(5))
            position.ImagePositionPatient = [-30, -40, -20 + k * spacing[2]]
            group.PlanePositionSequence = Items([position])
            value.RescaleSlope = 1.0 if slopes is None else slopes[k]
            value.RescaleIntercept = 0
            value.RescaleType = "US"
            group.PixelValueTransformationSequence = Items([value])
            time.EffectiveEchoTime = echo
            group.MREchoSequence = Items([time])
            content.StackID, content.InStackPositionNumber = "1", k + 1
            content.DimensionIndexValues = [1, k + 1]
            group.FrameContentSequence = Items([content])
            frames.append(group)
            planes.append(data[:, :, k].T)
    header.PerFrameFunctionalGroupsSequence = Items(frames)
    header.NumberOfFrames = len(frames)
    _set_pixels(header, np.stack(planes))
    path.parent.mkdir(parents=True, exist_ok=True)
    save(header, path)


def write_disc(folder: Path, images: Sequence[Path]) -> None:
    """Copy images into a folder with a DICOMDIR."""
    disc = FileSet()
    for path in images:
        disc.add(path)
    temporary = disc._stage["t"]
    disc.write(folder)
    for each in (temporary, disc._stage["t"]):
        each.cleanup()  # what it would do itself later, with a warning


def _set_pixels(header: Dataset, planes: NDArray[Any]) -> None:
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.Rows, header.Columns = planes.shape[-2:]
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit = 15
    header.PixelRepresentation = 0
    header.PixelData = np.ascontiguousarray(planes, dtype=np.uint16).tobytes()
    header["PixelData"].VR = "OW"
