"""The measurements of a mask as a structured report (TID 1500)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anofpdm.results.dicom.segmentation import MANUFACTURER, MODEL, Algorithm

if TYPE_CHECKING:
    from anofpdm.results.lesions import Lesion, Lesions

Header = Any

_OWN_SCHEME = "99ANOFPDM"
_EDITED = ("mask edited by a reader",)


def measurement_report(
    lesions: Lesions,
    mask: Header,
    images: Sequence[Header],
    algorithm: Algorithm,
    *,
    series_number: int,
) -> Header:
    """Make a Comprehensive SR: one group for the whole mask, and one for each lesion.

    The first refers to the segment of the mask and has the total volume, the number of lesions and
    the largest value of the map. The others have volume, largest diameter and peak.

    Parameters
    ----------
    lesions : Lesions
    mask : highdicom.seg.Segmentation
        The mask that they were measured on.
    images : sequence of pydicom.Dataset
        Headers of the source series.
    algorithm : Algorithm
    series_number : int

    Returns
    -------
    highdicom.sr.ComprehensiveSR
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes

    sr = hd.sr
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=hd.UID(),
            name=MODEL,
            manufacturer_name=MANUFACTURER,
            model_name=algorithm.bundle[:64],
        ),
    )
    found_by = sr.AlgorithmIdentification(
        name=MODEL,
        version=algorithm.version,
        parameters=[f"model {algorithm.bundle}", *(_EDITED if algorithm.edited else ())],
        family=codes.DCM.ArtificialIntelligence,
        manufacturer=MANUFACTURER,
    )
    common: dict[str, Any] = {
        "finding_category": codes.SCT.MorphologicallyAbnormalStructure,
        "finding_type": codes.SCT.Lesion,
        "finding_sites": [sr.FindingSite(codes.SCT.Brain)],
        "algorithm_id": found_by,
    }
    whole = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(hd.UID(), "all lesions"),
        referenced_segment=sr.ReferencedSegment(
            mask.SOPClassUID,
            mask.SOPInstanceUID,
            segment_number=1,
            source_series=sr.SourceSeriesForSegmentation(str(images[0].SeriesInstanceUID)),
        ),
        measurements=_of_mask(lesions),
        **common,
    )
    each = [
        sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(hd.UID(), f"lesion {lesion.number}"),
            measurements=_of_lesion(lesion),
            **common,
        )
        for lesion in lesions.table
    ]
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=[whole, *each],
        title=codes.DCM.ImagingMeasurementReport,
    )
    return sr.ComprehensiveSR(
        evidence=[mask, *images],
        content=content,
        series_instance_uid=hd.UID(),
        series_number=series_number,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_verified=False,
        series_description="AnoFPDM measurements (research only)",
    )


def _of_mask(lesions: Lesions) -> list[Any]:
    peaks = [lesion.peak for lesion in lesions.table if lesion.peak is not None]
    found = [
        _volume(lesions.volume_ml),
        _measurement(_own("lesion-count", "Number of lesions"), len(lesions.table), _NO_UNIT),
    ]
    return [*found, *([_peak(max(peaks))] if peaks else [])]


def _of_lesion(lesion: Lesion) -> list[Any]:
    from pydicom.sr.codedict import codes

    diameter = _measurement(codes.IBSI.Maximum3DDiameterOfAMesh, lesion.diameter_mm, _MM)
    found = [_volume(lesion.volume_ml), diameter]
    return [*found, *([] if lesion.peak is None else [_peak(lesion.peak)])]


_NO_UNIT = ("1", "no units")
_MM = ("mm", "millimeter")
_ML = ("mL", "milliliter")


def _volume(ml: float) -> Any:
    from pydicom.sr.codedict import codes

    return _measurement(codes.SCT.Volume, ml, _ML)


def _peak(value: float) -> Any:
    from pydicom.sr.codedict import codes

    name = _own("anomaly-map", "Anomaly map value")
    return _measurement(name, value, _NO_UNIT, derivation=codes.SCT.Maximum)


def _measurement(name: Any, value: float, unit: tuple[str, str], **more: Any) -> Any:
    import highdicom as hd

    coded = hd.sr.CodedConcept(value=unit[0], scheme_designator="UCUM", meaning=unit[1])
    # A decimal string has 16 characters.
    return hd.sr.Measurement(name=name, value=float(f"{value:.8g}"), unit=coded, **more)


def _own(value: str, meaning: str) -> Any:
    """Make a concept that no public scheme has."""
    import highdicom as hd

    return hd.sr.CodedConcept(value=value, scheme_designator=_OWN_SCHEME, meaning=meaning)
