"""De-identified DICOM results: the Basic Application Level Confidentiality Profile (PS3.15)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from anofpdm.results.dicom.source_images import PATIENT_AND_STUDY

Header = Any

_SLICE = (
    "SOPClassUID",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
)
_GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "FrameContentSequence": ("DimensionIndexValues", "StackID", "InStackPositionNumber"),
}
_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
_REMOVED = (
    "InstanceCreationDate",
    "InstanceCreationTime",
    "SeriesDate",
    "SeriesTime",
    "SeriesDescription",
    "TimezoneOffsetFromUTC",
)
_DUMMIES = {"ContentDate": "19000101", "ContentTime": "000000"}


def without_identity(images: Sequence[Header]) -> list[Header]:
    """Return headers that hold geometry alone, under new UIDs.

    What is not known to be harmless is left out, private fields included. Every UID is replaced by
    a random one, the same for the same; results can therefore not be led back to the series.

    Parameters
    ----------
    images : sequence of pydicom.Dataset
        Of one series.
    """
    from highdicom import UID
    from pydicom.dataset import Dataset

    new: defaultdict[str, str] = defaultdict(lambda: str(UID()))
    made = []
    for image in images:
        bare = _only(image, _SLICE)
        for name in _UIDS:
            setattr(bare, name, new[str(image.get(name, ""))])
        for name in PATIENT_AND_STUDY:
            setattr(bare, name, "")
        for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            if name in image:
                setattr(bare, name, [_bare_groups(item) for item in image[name].value])
        bare.file_meta = Dataset()
        made.append(bare)
    return made


def mark_deidentified(result: Header) -> None:
    """Remove dates from a result made from such headers, and say by which profile it was done."""
    from pydicom.dataset import Dataset

    for name in _REMOVED:
        if name in result:
            delattr(result, name)
    for name, value in _DUMMIES.items():
        if name in result:
            setattr(result, name, value)
    for item in result.get("ContributingEquipmentSequence") or ():
        item.pop("ContributionDateTime", None)
    profile = Dataset()
    profile.CodeValue = "113100"
    profile.CodingSchemeDesignator = "DCM"
    profile.CodeMeaning = "Basic Application Confidentiality Profile"
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = "PS3.15 Basic Application Level Confidentiality Profile"
    result.DeidentificationMethodCodeSequence = [profile]
    result.LongitudinalTemporalInformationModified = "REMOVED"


def _bare_groups(item: Header) -> Header:
    from pydicom.dataset import Dataset

    bare = Dataset()
    for name, kept in _GROUPS.items():
        if item.get(name):
            setattr(bare, name, [_only(item[name].value[0], kept)])
    return bare


def _only(holder: Header, names: Sequence[str]) -> Header:
    from pydicom.dataset import Dataset

    bare = Dataset()
    for name in names:
        if name in holder:
            setattr(bare, name, holder[name].value)
    return bare
