"""From tissue to noise-free signal: contrast, healthy brightness that misleads, lesions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from anofpdm.synthetic.anatomy import Anatomy
from anofpdm.synthetic.fields import smooth_noise
from anofpdm.synthetic.lesions import LesionMaps
from anofpdm.synthetic.streams import Stream

MODALITIES = ("flair", "t1", "t2")


@dataclass(frozen=True)
class Painted:
    """Noise-free signal of one modality, grey matter near 0.75.

    Attributes
    ----------
    signal : Tensor, float32
        With the lesions.
    twin : Tensor, float32
        The same tissue had there been none; what a mass pushed aside stays aside.
    """

    signal: Tensor
    twin: Tensor


def paint(stream: Stream, modality: str, anatomy: Anatomy, lesions: LesionMaps | None) -> Painted:
    """Draw the noise-free signal of one modality.

    Parameters
    ----------
    stream : Stream
        Source of the modality's contrasts and texture.
    modality : {"flair", "t1", "t2"}
        Sequence to imitate.
    anatomy : Anatomy
        Tissue fractions.
    lesions : LesionMaps or None
        Lesions to paint over the tissue; None for a healthy subject.
    """
    grid = anatomy.grid
    grey, white, csf = _tissue_levels(stream, modality)
    grey_field = grey * (1.0 + stream.uniform(0.0, 0.05) * smooth_noise(stream, grid, 14.0))
    white_field = white * (1.0 + stream.uniform(0.0, 0.05) * smooth_noise(stream, grid, 14.0))
    csf_field = csf * (1.0 + 0.15 * smooth_noise(stream, grid, 8.0))
    grey_field = grey_field * _deep_grey(stream, modality, anatomy)
    if modality == "flair":
        grey_field = grey_field * _bright_cortex(stream, anatomy)
        white_field = white_field * (1.0 + _bright_white(stream, anatomy))
        csf_field = csf_field + _flow_artefact(stream, anatomy) + _choroid_plexus(stream, anatomy)
    texture = 1.0 + stream.uniform(0.01, 0.06) * smooth_noise(
        stream, grid, stream.uniform(0.8, 2.0)
    )
    tissue = (anatomy.grey * grey_field + anatomy.white * white_field) * texture
    twin = (tissue + anatomy.csf * csf_field).clamp(min=0.0)
    if lesions is None:
        return Painted(twin, twin)
    signal = _painted_lesions(stream, modality, anatomy, lesions, twin, max(grey, white))
    return Painted(signal.clamp(min=0.0), twin)


def _tissue_levels(stream: Stream, modality: str) -> tuple[float, float, float]:
    grey = stream.uniform(0.68, 0.82)
    if modality == "flair":
        return grey, grey * stream.uniform(0.66, 0.98), grey * stream.uniform(0.04, 0.4)
    if modality == "t1":
        return grey, grey * stream.uniform(1.15, 1.45), grey * stream.uniform(0.15, 0.45)
    return grey, grey * stream.uniform(0.6, 0.9), grey * stream.uniform(1.6, 2.4)


def _deep_grey(stream: Stream, modality: str, anatomy: Anatomy) -> Tensor:
    """Nuclei differ from cortex; iron darkens the pallidum on FLAIR and T2."""
    level = stream.uniform(0.85, 1.04) if modality == "flair" else stream.uniform(0.9, 1.05)
    factor = 1.0 + (level - 1.0) * torch.sigmoid((anatomy.depth - 24.0) / 3.0)
    if modality == "t1":
        return factor
    iron = stream.uniform(0.0, 0.3) * anatomy.near(20.0, -5.0, -2.0, 6.0)
    return factor * (1.0 - iron - 0.7 * iron.mean())


def _bright_cortex(stream: Stream, anatomy: Anatomy) -> Tensor:
    """Insula, cingulate and limbic grey matter are brighter than other cortex on FLAIR."""
    strength = stream.uniform(0.0, 0.25)
    insula = stream.uniform(0.3, 1.0) * anatomy.near(38.0, 4.0, 0.0, 11.0)
    temporal = stream.uniform(0.3, 1.0) * anatomy.near(26.0, -12.0, -18.0, 12.0)
    cingulate = stream.uniform(0.0, 1.0) * anatomy.near(4.0, 30.0, 20.0, 14.0)
    cingulate = cingulate + stream.uniform(0.0, 0.8) * anatomy.near(4.0, -10.0, 40.0, 14.0)
    orbital = stream.uniform(0.0, 0.8) * anatomy.near(10.0, 32.0, -18.0, 12.0)
    ribbon = 1.0 + stream.uniform(0.0, 0.14) * smooth_noise(stream, anatomy.grid, 6.0)
    return (1.0 + strength * (insula + temporal + cingulate + orbital)) * ribbon


def _bright_white(stream: Stream, anatomy: Anatomy) -> Tensor:
    """Rim and caps of the ventricles and the pyramidal tract, bright on healthy FLAIR."""
    tract = stream.uniform(0.0, 0.25) * anatomy.near(23.0, -20.0, 10.0, 5.0)
    tract = tract + stream.uniform(0.0, 0.2) * anatomy.near(24.0, -62.0, 12.0, 9.0)
    if stream.chance(0.25):
        return tract
    uneven = torch.exp(0.5 * smooth_noise(stream, anatomy.grid, 9.0))
    reach = stream.uniform(0.5, 2.6) * uneven
    strength = stream.uniform(0.04, 0.35)
    return tract + strength * torch.sigmoid((reach - anatomy.ventricle_distance) / 0.7)


def _flow_artefact(stream: Stream, anatomy: Anatomy) -> Tensor:
    """CSF that flow leaves bright on some FLAIR scans, mostly at the skull base."""
    _, _, z = anatomy.place
    noise = smooth_noise(stream, anatomy.grid, stream.uniform(4.0, 8.0))
    patches = torch.sigmoid((noise - stream.uniform(0.6, 1.4)) * 4.0)
    strength = stream.uniform(0.1, 0.8) if stream.chance(0.45) else 0.0
    return strength * patches * torch.sigmoid((stream.uniform(-15.0, 15.0) - z) / 10.0)


def _choroid_plexus(stream: Stream, anatomy: Anatomy) -> Tensor:
    """Bright tufts within the lateral ventricles, at the atrium and the body."""
    inside = torch.sigmoid((1.5 - anatomy.ventricle_distance) / 0.8)
    tufts = torch.sigmoid((smooth_noise(stream, anatomy.grid, 2.0) - stream.uniform(-0.3, 0.8)) * 4)
    where = anatomy.near(21.0, -38.0, 4.0, 7.0) + 0.7 * anatomy.near(14.0, -22.0, 18.0, 7.0)
    strength = stream.uniform(0.2, 1.2) if stream.chance(0.8) else 0.0
    return strength * inside * tufts * where.clamp(max=1.0)


_CONTRASTS = {  # FLAIR: faintest, and how much more the brightest has
    "tumour": (1.05, 1.35),
    "infarct": (1.02, 1.25),
    "ms": (1.07, 0.85),
    "vascular": (1.07, 0.85),
    "spots": (1.05, 0.9),
}


def _painted_lesions(
    stream: Stream,
    modality: str,
    anatomy: Anatomy,
    lesions: LesionMaps,
    signal: Tensor,
    reference: float,
) -> Tensor:
    faintest, range_ = _CONTRASTS[lesions.kind]
    bright = stream.beta(1.9, 1.6)
    contrast = {
        "flair": faintest + range_ * bright,
        "t1": 1.0 - stream.uniform(0.05, 0.5),
        "t2": 1.1 + 1.1 * bright,
    }[modality]
    weaker = stream.uniform(0.4, 1.0)
    core_level = {
        "flair": [
            stream.uniform(0.15, 0.6),
            stream.uniform(0.8, 1.15),
            stream.uniform(1.3, 2.2),
        ][int(stream.uniform(0, 3))],
        "t1": stream.uniform(0.25, 0.6),
        "t2": stream.uniform(1.8, 2.6),
    }[modality]
    cloud = smooth_noise(stream, anatomy.grid, stream.log_uniform(2.0, 10.0))
    uneven = torch.exp(stream.uniform(0.05, 0.45) * cloud)
    grain = 1.0 + stream.uniform(0.0, 0.08) * smooth_noise(stream, anatomy.grid, 1.5)
    # What is drawn over keeps a trace of the tissue below it.
    kept = stream.uniform(0.0, 0.5)
    below = (1.0 - kept) * reference * stream.uniform(0.9, 1.0) + kept * signal
    excess = (contrast - 1.0) * (1.0 - (1.0 - weaker) * lesions.oedema) * uneven
    level = below * (1.0 + excess.clamp(-0.8, 1.6)) * grain
    painted = signal + lesions.extent * (level - signal)
    return painted + lesions.core * (reference * core_level * grain - painted)
