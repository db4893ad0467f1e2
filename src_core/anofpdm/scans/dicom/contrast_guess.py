"""Which contrast a series probably is, by its names and its sequence's times."""

from __future__ import annotations

import re
from typing import Any, Final

from anofpdm.scans.dicom.frames import Header, sequence_value

_NAMES: Final = (
    # The first that is found counts: a "t2_tirm_dark-fluid" is a FLAIR.
    ("adc", r"\badc\b|apparent diffusion"),
    ("dwi", r"\bdwi\b|diff|trace|\bb1000\b|\bdti\b"),
    ("swi", r"\bswi\b|swan|venobold|suscept|t2\s?\*|t2star|\bmip\b|hemo"),
    ("flair", r"flair|tirm|dark.?fluid"),
    ("t1ce", r"t1.*(\bgd\b|gad|\bce\b|\bkm\b|contrast|post|\+\s?c\b)|(\bgd\b|post|\+c).*t1"),
    ("t1", r"t1|mprage|\bspgr\b|bravo|\btfl\b|\bmp2rage\b"),
    ("pd", r"\bpd\b|proton.?dens"),
    ("t2", r"t2|\bhaste\b|propeller|blade"),
)
# Times in ms.
_FLUID_NULLED: Final = (1500.0, 3500.0)
_LONG_ECHO: Final = 60.0
_SHORT_ECHO: Final = 30.0
_LONG_REPETITION: Final = 1800.0
_SHORT_REPETITION: Final = 1000.0


def guess_contrast(header: Header) -> str | None:
    """Guess the contrast of an MRI series, as bundles spell it; None in doubt.

    Names count first (description, protocol, sequence), then the inversion, echo and repetition
    time. A T1 after a contrast agent (by name or by Contrast/Bolus Agent) is t1ce.

    Parameters
    ----------
    header : pydicom.Dataset
        Of one image of the series.
    """
    fields = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
    by_name = next(filter(None, (_named(str(header.get(f, "") or "")) for f in fields)), None)
    guess = by_name or _timed(header)
    if guess == "t1" and str(header.get("ContrastBolusAgent", "") or "").strip():
        return "t1ce"
    return guess


def _named(text: str) -> str | None:
    spaced = re.sub(r"[_\-.,/]+", " ", text.lower())
    return next((name for name, pattern in _NAMES if re.search(pattern, spaced)), None)


def _timed(header: Header) -> str | None:
    echo = _number(sequence_value(header, "EffectiveEchoTime")) or _number(
        sequence_value(header, "EchoTime")
    )
    repetition = _number(sequence_value(header, "RepetitionTime"))
    inversion = _number(sequence_value(header, "InversionTime"))
    if echo is None or repetition is None:
        return None
    if inversion is not None and _FLUID_NULLED[0] <= inversion <= _FLUID_NULLED[1]:
        return "flair" if echo >= _LONG_ECHO else None
    if echo >= _LONG_ECHO:
        return "t2" if repetition >= _LONG_REPETITION else None
    if echo > _SHORT_ECHO:
        return None
    if repetition <= _SHORT_REPETITION or inversion is not None:
        return "t1"
    return "pd" if repetition >= _LONG_REPETITION else None


def _number(value: Any) -> float | None:
    try:
        return None if value in (None, "") else float(value)
    except (TypeError, ValueError):
        return None
