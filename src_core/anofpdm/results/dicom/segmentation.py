"""Mask and map as DICOM segmentations on the frames of the source series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import OutputError

if TYPE_CHECKING:
    from anofpdm.scans.dicom.stack import Stack

Header = Any

MANUFACTURER = "napari-anofpdm"
MODEL = "AnoFPDM"
LABEL = "Anomaly"


@dataclass(frozen=True)
class Algorithm:
    """What found the anomalies, for the results.

    Attributes
    ----------
    version : str
        Of this software.
    bundle : str
        Name and version of the model.
    edited : bool
        Whether a reader has changed what it found.
    """

    version: str
    bundle: str
    edited: bool = False


def segmentation(
    kind: Literal["BINARY", "FRACTIONAL"],
    voxels: NDArray[Any],
    images: Sequence[Header],
    stack: Stack,
    algorithm: Algorithm,
    *,
    series_number: int,
    label: str,
    description: str,
) -> Header:
    """Make a segmentation with one segment that covers all slices, empty ones too.

    Parameters
    ----------
    kind : {"BINARY", "FRACTIONAL"}
    voxels : ndarray, shape of the stack (columns, rows, slices)
        0 and 1, or fractions from 0 to 1, which are stored in 256 levels.
    images : sequence of pydicom.Dataset
        Headers of the source, in the order of the slices, or the one multi-frame image.
    stack : Stack
        Where the slices lie.
    algorithm : Algorithm
    series_number : int
    label : str
        Content Label, at most 16 capitals.
    description : str
        Content and series description, at most 64 characters.

    Returns
    -------
    highdicom.seg.Segmentation
    """
    import highdicom as hd

    hd_voxels, more = _frames(voxels, images, stack)
    number_type = np.uint8 if kind == "BINARY" else np.float32
    if isinstance(hd_voxels, np.ndarray):
        hd_voxels = hd_voxels.astype(number_type)
    else:
        hd_voxels = hd_voxels.with_array(hd_voxels.array.astype(number_type))
    return hd.seg.Segmentation(
        source_images=list(images),
        pixel_array=hd_voxels,
        segmentation_type=kind,
        segment_descriptions=[_segment(algorithm)],
        series_instance_uid=hd.UID(),
        series_number=series_number,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=algorithm.version,
        device_serial_number="0",
        omit_empty_frames=False,
        content_label=label,
        content_description=description,
        series_description=description,
        **more,
    )


def _frames(
    voxels: NDArray[Any], images: Sequence[Header], stack: Stack
) -> tuple[Any, dict[str, Any]]:
    """Voxels in the order of the source's frames, and how far apart these are."""
    import highdicom as hd

    if voxels.shape != stack.shape:
        raise OutputError(
            f"A mask of shape {voxels.shape} does not lie on the source series, which has "
            f"{stack.shape}."
        )
    planes = np.ascontiguousarray(voxels.transpose(2, 1, 0))
    across, down, apart = stack.spacing
    thickness = images[0].get("SliceThickness")
    measures = hd.PixelMeasuresSequence(
        pixel_spacing=(round(down, 8), round(across, 8)),
        slice_thickness=float(thickness) if thickness else round(apart, 8),
        spacing_between_slices=round(apart, 8),
    )
    places = [frame.index for frame in stack.frames]
    count = int(images[0].get("NumberOfFrames", 1) or 1)
    if len(images) > 1:
        return planes, {"pixel_measures": measures}
    if sorted(places) == list(range(count)):
        in_file = np.empty_like(planes)
        in_file[places] = planes
        return in_file, {"pixel_measures": measures}
    # A part of a multi-frame image, one echo for instance: highdicom finds its frames by position.
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ stack.affine
    affine = lps[:, [2, 1, 0, 3]]
    uid = str(images[0].FrameOfReferenceUID)
    return hd.Volume(planes, affine, "PATIENT", frame_of_reference_uid=uid), {}


def _segment(algorithm: Algorithm) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    return hd.seg.SegmentDescription(
        segment_number=1,
        segment_label=LABEL,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type="SEMIAUTOMATIC" if algorithm.edited else "AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=f"{MODEL}, model {algorithm.bundle}"[:64],
            family=codes.DCM.ArtificialIntelligence,
            version=algorithm.version,
            source=MANUFACTURER,
        ),
        tracking_uid=hd.UID(),
        tracking_id="anomalies",
        anatomic_regions=[codes.SCT.Brain],
    )
