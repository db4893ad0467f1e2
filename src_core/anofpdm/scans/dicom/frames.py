"""Headers of DICOM images, and their frames: where each lies, and what kind of image it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from anofpdm.scans.dicom.optional import pydicom_for, quiet
from anofpdm.scans.dicom.parsing import parse

Header = Any
"""A pydicom data set without pixels; pydicom has no types for its attributes."""

_TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "SeriesDate",
    "StudyDate",
    "ProtocolName",
    "Modality",
    "ImageType",
    "InstanceNumber",
    "SequenceName",
    "PulseSequenceName",
    "ScanningSequence",
    "EchoPulseSequence",
    "SequenceVariant",
    "ContrastBolusAgent",
    "RepetitionTime",
    "EchoTime",
    "EffectiveEchoTime",
    "InversionTime",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)


MR_IMAGES: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.4",  # MR Image Storage
        "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image Storage
        "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image Storage
    }
)
"""SOP classes of the images that are read."""
_DIRECTORY: Final = "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Frame:
    """One slice: an image file, or a frame of a multi-frame one.

    Attributes
    ----------
    file : str
        Its name in the file set.
    index : int
        Which frame of the file, from 0.
    of : int
        Number of frames in the file.
    uid : str
        SOP Instance UID of the file.
    position : tuple of 3 float or None
        Image Position (Patient) of the first pixel's centre, LPS mm.
    orientation : tuple of 6 float or None
        Image Orientation (Patient): directions along a row and along a column, LPS.
    spacing : tuple of 2 float or None
        Pixel Spacing, mm: between rows, and between columns.
    matrix : tuple of 2 int
        Rows, columns.
    echo_time : float or None
        ms.
    component : str
        Third value of Image Type, such as M, P, NORM; empty where absent.
    """

    file: str
    index: int
    of: int
    uid: str
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    matrix: tuple[int, int]
    echo_time: float | None
    component: str


def read_header(stream: BinaryIO, path: Path) -> Header | None:
    """Read the header of an image; None where the file is no DICOM image.

    Parameters
    ----------
    stream : file
    path : Path
        For the message where pydicom is missing.

    Raises
    ------
    ValueError
        When the file begins as DICOM but cannot be read.
    """
    pydicom_for(path)
    start = stream.read(132)
    stream.seek(0)
    marked = start[128:] == b"DICM"
    if not marked and not _may_lack_preamble(start):
        return None
    try:
        with quiet():
            header = parse(stream, force=not marked, only=_TAGS)
            # Values are decoded on access; a fault in them shows here.
            for element in header:
                _ = element.value
            named = "SOPClassUID" in header and "SeriesInstanceUID" in header
            if marked and _is_cut_off(header, named):
                raise ValueError("cut off")
    except Exception as error:  # whatever pydicom meets in a damaged file
        if not marked:
            return None
        raise ValueError("damaged header") from error
    return header if named and "Rows" in header else None


def frames_of(header: Header, file: str) -> Iterator[Frame]:
    """Yield the frames of an image.

    Parameters
    ----------
    header : pydicom.Dataset
        As `read_header` gives it.
    file : str
        The file's name.
    """
    with quiet():
        shared = _groups(header.get("SharedFunctionalGroupsSequence"))
        each = header.get("PerFrameFunctionalGroupsSequence") or ()
        if not each:
            kinds = header.get("ImageType")
            yield _frame(header, file, (0, 1), header, header, header, header, kinds)
            return
        for index, item in enumerate(each):
            own = {**shared, **_groups([item])}
            frame_type = own.get("MRImageFrameTypeSequence", {}).get("FrameType")
            yield _frame(
                header,
                file,
                (index, len(each)),
                own.get("PlanePositionSequence", {}),
                own.get("PlaneOrientationSequence", {}),
                own.get("PixelMeasuresSequence", {}),
                own.get("MREchoSequence", {}),
                frame_type or header.get("ImageType"),
            )


def sequence_value(header: Header, name: str) -> Any:
    """Return a value of the acquisition, of the header itself or of what its frames share."""
    found = header.get(name)
    if found not in (None, ""):
        return found
    with quiet():
        for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            for item in (header.get(group) or ())[:1]:
                for element in item:
                    if element.VR == "SQ" and element.value and name in element.value[0]:
                        return element.value[0].get(name)
    return None


def numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """Return `count` numbers, or None where there are not as many."""
    if value is None:
        return None
    try:
        found = tuple(float(x) for x in value)
    except (TypeError, ValueError):
        return None
    return found if len(found) == count else None


def _frame(
    header: Header,
    file: str,
    place: tuple[int, int],
    position: Mapping[str, Any],
    orientation: Mapping[str, Any],
    measures: Mapping[str, Any],
    echo: Mapping[str, Any],
    image_type: Any,
) -> Frame:
    time = echo.get("EffectiveEchoTime", echo.get("EchoTime"))
    kinds = [] if image_type is None or isinstance(image_type, str) else list(image_type)
    return Frame(
        file=file,
        index=place[0],
        of=place[1],
        uid=str(header.get("SOPInstanceUID", "")),
        position=numbers(position.get("ImagePositionPatient"), 3),
        orientation=numbers(orientation.get("ImageOrientationPatient"), 6),
        spacing=numbers(measures.get("PixelSpacing"), 2),
        matrix=(int(header.Rows), int(header.get("Columns") or 0)),
        echo_time=None if time in (None, "") else float(time),
        component=str(kinds[2]) if len(kinds) > 2 else "",
    )


def _groups(sequence: Any) -> dict[str, Any]:
    """Functional groups of a frame by name; each holds one item."""
    items = sequence or ()
    if not items:
        return {}
    return {
        element.keyword: element.value[0]
        for element in items[0]
        if element.VR == "SQ" and element.value
    }


def _is_cut_off(header: Header, named: bool) -> bool:
    """Whether a header lacks what each of its kind has; pydicom reads a part without a word."""
    if header.file_meta.get("MediaStorageSOPClassUID") == _DIRECTORY:
        return False
    return not named or (str(header.SOPClassUID) in MR_IMAGES and "Rows" not in header)


def _may_lack_preamble(start: bytes) -> bool:
    """Whether a file without preamble may begin with a data set: group 0008, little-endian."""
    return start[:2] == b"\x08\x00" and start[3:4] == b"\x00"
