"""From tissue to signal: contrast, texture, bias field, slice profile, noise, brain extraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.synthetic.anatomy import Anatomy
from anofpdm.synthetic.fields import Field, sigmoid, smooth_noise
from anofpdm.synthetic.lesions import LesionMaps

MODALITIES = ("flair", "t1", "t2")


@dataclass(frozen=True)
class Painted:
    """Noise-free signal of one modality, grey matter near 0.75.

    Attributes
    ----------
    signal : ndarray, float32
        With the lesions.
    twin : ndarray, float32
        The same tissue had there been none; what a mass pushed aside stays aside.
    """

    signal: Field
    twin: Field


def paint(
    rng: np.random.Generator, modality: str, anatomy: Anatomy, lesions: LesionMaps | None
) -> Painted:
    """Draw the noise-free signal of one modality.

    Parameters
    ----------
    rng : Generator
        Source of the modality's contrasts and texture.
    modality : {"flair", "t1", "t2"}
        Sequence to imitate.
    anatomy : Anatomy
        Tissue fractions.
    lesions : LesionMaps or None
        Lesions to paint over the tissue; None for a healthy subject.
    """
    grey, white, csf = _tissue_levels(rng, modality)
    shape, spacing = anatomy.shape, anatomy.spacing
    grey_field = grey * (1.0 + rng.uniform(0.0, 0.07) * smooth_noise(rng, shape, spacing, 14.0))
    deep_grey = rng.uniform(0.88, 1.04) if modality == "flair" else rng.uniform(0.9, 1.05)
    grey_field = grey_field * (1.0 + (deep_grey - 1.0) * sigmoid((anatomy.depth - 24.0) / 3.0))
    white_field = white * (1.0 + rng.uniform(0.0, 0.06) * smooth_noise(rng, shape, spacing, 14.0))
    csf_field = csf * (1.0 + 0.15 * smooth_noise(rng, shape, spacing, 8.0))
    if modality == "flair":
        csf_field = csf_field + _flow_artefact(rng, anatomy)
        white_field = white_field * (1.0 + _ventricle_rim(rng, anatomy))
    texture = 1.0 + rng.uniform(0.01, 0.05) * smooth_noise(
        rng, shape, spacing, rng.uniform(0.8, 2.0)
    )
    signal = (
        anatomy.grey * grey_field + anatomy.white * white_field
    ) * texture + anatomy.csf * csf_field
    twin = np.asarray(np.maximum(signal, 0.0), dtype=np.float32)
    if lesions is None:
        return Painted(twin, twin)
    signal = _paint_lesions(rng, modality, anatomy, lesions, signal, (grey, white, csf))
    return Painted(np.asarray(np.maximum(signal, 0.0), dtype=np.float32), twin)


def _tissue_levels(rng: np.random.Generator, modality: str) -> tuple[float, float, float]:
    grey = rng.uniform(0.68, 0.82)
    if modality == "flair":
        return grey, grey * rng.uniform(0.6, 0.97), grey * rng.uniform(0.04, 0.35)
    if modality == "t1":
        return grey, grey * rng.uniform(1.15, 1.45), grey * rng.uniform(0.15, 0.45)
    return grey, grey * rng.uniform(0.6, 0.9), grey * rng.uniform(1.6, 2.4)


def _flow_artefact(rng: np.random.Generator, anatomy: Anatomy) -> Field | float:
    """CSF that flow leaves bright on some FLAIR scans, mostly at the skull base."""
    if rng.random() < 0.6:
        return 0.0
    _, _, z = anatomy.coordinates()
    patches = sigmoid((smooth_noise(rng, anatomy.shape, anatomy.spacing, 7.0) - 1.2) * 4.0)
    return np.asarray(rng.uniform(0.1, 0.45) * patches * sigmoid((10.0 - z) / 12.0), np.float32)


def _ventricle_rim(rng: np.random.Generator, anatomy: Anatomy) -> Field | float:
    """Thin bright rim and caps that healthy ventricles show on FLAIR."""
    if rng.random() < 0.35:
        return 0.0
    uneven = np.exp(0.5 * smooth_noise(rng, anatomy.shape, anatomy.spacing, 9.0))
    reach = rng.uniform(0.5, 2.2) * uneven
    rim = rng.uniform(0.04, 0.2) * sigmoid((reach - anatomy.ventricle_distance) / 0.7)
    return np.asarray(rim, dtype=np.float32)


def _paint_lesions(
    rng: np.random.Generator,
    modality: str,
    anatomy: Anatomy,
    lesions: LesionMaps,
    signal: Field,
    levels: tuple[float, float, float],
) -> Field:
    grey, white, _ = levels
    shape, spacing = anatomy.shape, anatomy.spacing
    reference = max(grey, white)
    contrast = {
        "flair": 1.15 + 0.95 * rng.beta(2.0, 1.6),
        "t1": rng.uniform(0.45, 0.85),
        "t2": rng.uniform(1.3, 2.2),
    }[modality]
    weaker = rng.uniform(0.6, 1.0)
    core_level = {
        "flair": rng.choice([rng.uniform(0.15, 0.6), rng.uniform(0.8, 1.1), rng.uniform(1.4, 2.0)]),
        "t1": rng.uniform(0.25, 0.6),
        "t2": rng.uniform(1.8, 2.6),
    }[modality]
    uneven = 1.0 + rng.uniform(0.02, 0.14) * smooth_noise(
        rng, shape, spacing, rng.uniform(2.0, 7.0)
    )
    strength = 1.0 + (contrast - 1.0) * (1.0 - (1.0 - weaker) * lesions.oedema)
    level = reference * strength * uneven
    # What is drawn over keeps a trace of the tissue below it.
    kept = rng.uniform(0.0, 0.35)
    level = (1.0 - kept) * level + kept * (signal + (contrast - 1.0) * reference)
    painted = signal + lesions.extent * (level - signal)
    result: Field = painted + lesions.core * (reference * core_level * uneven - painted)
    return result


def brain_extraction(rng: np.random.Generator, anatomy: Anatomy) -> tuple[NDArray[np.bool_], Field]:
    """Brain mask with the faults of a brain extraction, and what remains of dura outside.

    Returns
    -------
    mask : ndarray, bool
        Voxels that the extraction keeps: the border wanders by a few mm, sometimes into the brain.
    remains : ndarray, float32
        Signal, relative to grey matter, of non-brain tissue kept outside the brain.
    """
    shape, spacing = anatomy.shape, anatomy.spacing
    offset = rng.normal(0.3, 1.0)
    wander = rng.uniform(0.2, 1.6) * smooth_noise(rng, shape, spacing, rng.uniform(4.0, 14.0))
    mask = anatomy.depth + offset + wander > 0.0
    base = rng.uniform(0.05, 0.5)
    patches = sigmoid((smooth_noise(rng, shape, spacing, 5.0) - rng.uniform(0.8, 2.0)) * 3.0)
    remains = base + rng.uniform(0.2, 0.9) * patches
    return mask, np.asarray(remains * np.clip(1.0 - anatomy.brain, 0.0, 1.0), dtype=np.float32)


def acquire(
    rng: np.random.Generator,
    signal: Field,
    mask: NDArray[np.bool_],
    spacing: tuple[float, float, float],
) -> Field:
    """Blur, bias field, Rician noise and masking of a painted signal.

    Parameters
    ----------
    rng : Generator
        Source of the scan's faults.
    signal : ndarray, float32
        Noise-free signal on the grid to be stored, at the slice thickness to be stored.
    mask : ndarray, bool
        Brain mask; the background is set to exactly 0.
    spacing : tuple of float
        Voxel size in mm.
    """
    blur_mm = rng.uniform(0.0, 0.9)
    scan = ndimage.gaussian_filter(signal, [blur_mm / s for s in spacing[:2]] + [0.0])
    bias = smooth_noise(rng, signal.shape, spacing, rng.uniform(35.0, 70.0))
    scan = scan * np.exp(rng.uniform(0.0, 0.12) * bias)
    sigma = rng.uniform(0.004, 0.035)
    real = scan + sigma * rng.standard_normal(scan.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(scan.shape, dtype=np.float32)
    magnitude = np.sqrt(real**2 + imaginary**2)
    return np.asarray(np.where(mask, np.maximum(magnitude, 1e-3), 0.0), dtype=np.float32)
