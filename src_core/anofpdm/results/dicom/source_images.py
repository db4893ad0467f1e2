"""Headers of the images that results refer to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from anofpdm.common.errors import OutputError
from anofpdm.scans.dicom.optional import quiet
from anofpdm.scans.dicom.parsing import parse

if TYPE_CHECKING:
    from anofpdm.scans.dicom.series import Series

Header = Any

# Present in every image by the standard, possibly empty; absent in some de-identified ones.
PATIENT_AND_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def source_images(series: Series) -> list[Header]:
    """Read the headers of a series' images, without pixels, in the order of its slices.

    Parameters
    ----------
    series : Series
        A usable one.

    Returns
    -------
    list of pydicom.Dataset
        One for each slice, or the one multi-frame image.

    Raises
    ------
    OutputError
        When an image is gone or has changed, or the series has no frame of reference.
    """
    assert series.stack is not None
    frames = series.stack.frames
    headers: dict[str, Header] = {}
    with series.files.opened() as opened, quiet():
        for frame in frames:
            if frame.file in headers:
                continue
            try:
                with opened.open(frame.file) as stream:
                    header = parse(stream, force=True)
                    same = str(header.get("SOPInstanceUID", "")) == frame.uid
            except Exception as error:  # whatever pydicom meets in a file that was replaced
                raise OutputError(_gone(series.files.path)) from error
            if not same:
                raise OutputError(_gone(series.files.path))
            headers[frame.file] = header
    found = list(headers.values())
    for header in found:
        if not header.get("FrameOfReferenceUID"):
            raise OutputError(
                f"{series.label} has no frame of reference, so no DICOM result can refer to it; "
                "leave --dicom out, or export the original series."
            )
        for name in PATIENT_AND_STUDY:
            if name not in header:
                setattr(header, name, "")
        if not header.get("SliceThickness"):
            header.SliceThickness = round(series.stack.spacing[2], 6)
    return found


def _gone(path: Path) -> str:
    return f"The DICOM images in {path} have changed or are gone; read the series again."
