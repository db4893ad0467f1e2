"""Kinds of DICOM images that are no structural MRI volume, each with its reason."""

from __future__ import annotations

import re
from typing import Final

from anofpdm.scans.dicom.frames import MR_IMAGES, Header

_SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
_SEGMENTATIONS: Final = ("1.2.840.10008.5.1.4.1.1.66.",)
_OTHER: Final = {
    "CT": "CT",
    "PT": "PET",
    "NM": "nuclear medicine",
    "US": "ultrasound",
    "XA": "angiography",
    "DX": "X-ray",
    "CR": "X-ray",
    "MG": "mammography",
}
_LOCALIZER: Final = re.compile(r"locali[sz]er|\bscout\b|survey|3-?plane", re.IGNORECASE)


def fault_of_kind(header: Header) -> str | None:
    """Return why an image is none of a structural MRI volume, as the end of a sentence, or None."""
    sop_class = str(header.SOPClassUID)
    modality = str(header.get("Modality", "")).upper()
    types = [str(each).upper() for each in _listed(header.get("ImageType"))]
    if sop_class.startswith(_SEGMENTATIONS) or modality == "SEG":
        return "is a segmentation, not a scan; choose the MRI series."
    if modality in _OTHER:
        return f"is a {_OTHER[modality]} series, not MRI; choose an MRI series."
    if sop_class == _SECONDARY_CAPTURE or sop_class.startswith(_SECONDARY_CAPTURE + "."):
        return "is a screenshot (secondary capture), not a scan; choose the original series."
    if int(header.get("SamplesPerPixel", 1) or 1) != 1 or str(
        header.get("PhotometricInterpretation", "MONOCHROME2")
    ) not in ("MONOCHROME1", "MONOCHROME2"):
        return "is in colour (RGB or a palette), not intensities; choose the original series."
    if sop_class not in MR_IMAGES:
        kind = "an unknown kind of image" if modality in ("", "MR") else f"of modality {modality}"
        return f"is {kind}, not an MRI scan; choose an MRI series."
    if "MOSAIC" in types or "VFRAME" in types:
        return (
            "is a mosaic (many slices tiled in one image, as in functional and diffusion series); "
            "choose a structural series, or convert it with dcm2niix."
        )
    described = str(header.get("SeriesDescription", "") or "")
    if "LOCALIZER" in types or _LOCALIZER.search(described):
        return "is a localizer; choose a series that covers the head."
    return None


def _listed(value: object) -> list[object]:
    if value is None or isinstance(value, str):
        return [value] if value else []
    return list(value)  # type: ignore[call-overload,no-any-return]
