"""Synthetic subjects of known truth, drawn from a seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anofpdm.common.errors import SettingsError
from anofpdm.scans.volume import Volume
from anofpdm.synthetic.acquisition import MODALITIES, acquire, brain_extraction, paint
from anofpdm.synthetic.anatomy import Anatomy, draw_anatomy
from anofpdm.synthetic.fields import Field, log_uniform
from anofpdm.synthetic.lesions import LesionMaps, draw_lesions, draw_plan

TRAINING_SEEDS_BELOW = 500_000
"""Models and their settings are made with seeds below this; those above stay unseen for tests."""

SPACING_MM = (0.9, 6.0)
"""Smallest and largest voxel size of the phantoms that models are tested on."""

_HEALTHY_SHARE = 0.3
_FINE_MM = 2.5  # slices thicker than this are averaged from thinner ones (partial volume)


@dataclass(frozen=True)
class Phantom:
    """A synthetic subject.

    Attributes
    ----------
    volumes : dict of str to Volume
        One brain-extracted scan per modality, float32 >= 0, background exactly 0, RAS.
    lesion : Volume
        The truth, uint8: 1 where at least half of a voxel is lesion.
    twins : dict of str to Volume
        The same scans, noise and scanner faults included, had there been no lesion; empty unless
        asked for.
    description : dict
        Seed, lesion kind, volume in ml, spacing; what `phantom.json` holds.
    """

    volumes: dict[str, Volume]
    lesion: Volume
    twins: dict[str, Volume] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)


def make_phantom(
    seed: int,
    modalities: Sequence[str] = ("flair",),
    *,
    healthy: bool | None = None,
    spacing: tuple[float, float, float] | None = None,
    twins: bool = False,
) -> Phantom:
    """Draw one synthetic subject.

    Anatomy, lesions, each modality and the brain extraction have random streams of their own: the
    same seed gives the same brain and lesion for any modalities.

    Parameters
    ----------
    seed : int
        Any integer >= 0. Seeds from 500000 on were never used to train or tune a bundled model.
    modalities : sequence of {"flair", "t1", "t2"}
        Scans to draw.
    healthy : bool, optional
        Force a healthy subject (True) or one with lesions (False); by default about 30 % are
        healthy.
    spacing : tuple of float, optional
        Voxel size in mm; by default 0.9 to 1.3 mm in plane with slices of 1 to 6 mm.
    twins : bool
        Draw the scans without their lesions, too; a healthy subject gets none.

    Raises
    ------
    SettingsError
        For an unknown modality or a negative seed.
    """
    unknown = [m for m in modalities if m not in MODALITIES]
    if unknown or not modalities:
        raise SettingsError(
            f"The modalities of a phantom must be among {', '.join(MODALITIES)}; got "
            f"{', '.join(unknown) or 'none'}."
        )
    if seed < 0:
        raise SettingsError(f"A phantom's seed must be 0 or more; got {seed}.")
    streams = np.random.SeedSequence(seed).spawn(5 + len(MODALITIES))
    plan_rng, anatomy_rng, lesion_rng, grid_rng, mask_rng = map(np.random.default_rng, streams[:5])
    drawn_healthy = bool(plan_rng.random() < _HEALTHY_SHARE)
    plan = None if (drawn_healthy if healthy is None else healthy) else draw_plan(plan_rng)
    drawn_spacing = _draw_spacing(grid_rng)
    spacing = spacing or drawn_spacing
    thin, factor = _thin_spacing(spacing)
    anatomy = draw_anatomy(anatomy_rng, thin, plan.push if plan else None)
    lesions = draw_lesions(lesion_rng, anatomy, plan) if plan else None
    mask, remains = brain_extraction(mask_rng, anatomy)
    thick_mask = _thicken(mask.astype(np.float32), factor) >= 0.5
    affine = _thick_affine(anatomy, factor)
    volumes, twin_volumes = {}, {}
    for modality in modalities:
        rng = np.random.default_rng(streams[5 + MODALITIES.index(modality)])
        painted = paint(rng, modality, anatomy, lesions)

        def scanned(signal: Field, rng: np.random.Generator, modality: str = modality) -> Volume:
            thick = _thicken(signal + 0.75 * remains, factor)
            scan = acquire(rng, thick, thick_mask, spacing)
            gain = log_uniform(rng, 100.0, 3000.0)
            return Volume(data=scan * np.float32(gain), affine=affine, modality=modality)

        if twins and lesions is not None:
            twin_volumes[modality] = scanned(painted.twin, deepcopy(rng))
        volumes[modality] = scanned(painted.signal, rng)
    truth = _truth(lesions, factor, thick_mask)
    lesion = Volume(data=truth, affine=affine, modality="lesion")
    description = {
        "seed": seed,
        "kind": lesions.kind if lesions else "healthy",
        "lesion_ml": float(truth.sum()) * float(np.prod(spacing)) / 1000.0,
        "spacing_mm": [round(s, 4) for s in spacing],
        "modalities": list(modalities),
    }
    return Phantom(volumes, lesion, twin_volumes, description)


def _draw_spacing(rng: np.random.Generator) -> tuple[float, float, float]:
    plane = round(rng.uniform(0.9, 1.3), 2)
    thickness = 1.0 if rng.random() < 0.25 else round(rng.uniform(1.5, 6.0), 1)
    return plane, plane, thickness


def _thin_spacing(spacing: tuple[float, float, float]) -> tuple[tuple[float, float, float], int]:
    factor = max(1, int(np.ceil(spacing[2] / _FINE_MM)))
    return (spacing[0], spacing[1], spacing[2] / factor), factor


def _thicken(values: Field, factor: int) -> Field:
    """Average `factor` thin slices into each thick one."""
    count = values.shape[2] // factor
    cut = values[:, :, : count * factor]
    return np.asarray(cut.reshape(*values.shape[:2], count, factor).mean(axis=3), dtype=np.float32)


def _thick_affine(anatomy: Anatomy, factor: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    affine = anatomy.affine.copy()
    affine[2, 3] += 0.5 * (factor - 1) * affine[2, 2]
    affine[2, 2] *= factor
    return affine


def _truth(
    lesions: LesionMaps | None, factor: int, mask: np.ndarray[Any, np.dtype[np.bool_]]
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    if lesions is None:
        return np.zeros(mask.shape, dtype=np.uint8)
    extent = _thicken(np.maximum(lesions.extent, lesions.core), factor)
    return ((extent >= 0.5) & mask).astype(np.uint8)


def write_phantom(
    seed: int, out: Path, modalities: Sequence[str] = ("flair",), *, healthy: bool | None = None
) -> Phantom:
    """Write a phantom as NIfTI: one file per modality, lesion.nii.gz, phantom.json.

    Parameters
    ----------
    seed, modalities, healthy
        As in `make_phantom`.
    out : Path
        Folder to write into; it must exist.
    """
    from anofpdm.scans.volume import write_nifti

    phantom = make_phantom(seed, modalities, healthy=healthy)
    for modality, volume in phantom.volumes.items():
        write_nifti(out / f"{modality}.nii.gz", volume.data, like=volume, dtype=np.float32)
    write_nifti(out / "lesion.nii.gz", phantom.lesion.data, like=phantom.lesion, dtype=np.uint8)
    (out / "phantom.json").write_text(json.dumps(phantom.description, indent=2) + "\n")
    return phantom
