"""Synthetic subjects of known truth, drawn from a seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anofpdm.common.errors import SettingsError
from anofpdm.scans.volume import Volume
from anofpdm.synthetic.acquisition import acquire, brain_extraction, thicken
from anofpdm.synthetic.anatomy import draw_anatomy, grid_for
from anofpdm.synthetic.fields import Grid
from anofpdm.synthetic.lesions import LESION_KINDS, draw_lesions, draw_plan
from anofpdm.synthetic.signal import MODALITIES, paint
from anofpdm.synthetic.streams import Stream

TRAINING_SEEDS_BELOW = 500_000
"""Models and their settings are made with seeds below this; those above stay unseen for tests."""

SPACING_MM = (0.9, 6.0)
"""Smallest and largest voxel size of the phantoms that models are tested on."""

_HEALTHY_SHARE = 0.3
_FINE_MM = 2.5  # slices thicker than this are averaged from thinner ones (partial volume)
_PLAN, _ANATOMY, _LESION, _GRID, _MASK, _SCANS = range(6)


@dataclass(frozen=True)
class DrawnSubject:
    """A subject as it was drawn, on the device that drew it.

    Attributes
    ----------
    grid : Grid
        The scans' grid.
    scans, twins : dict of str to Tensor
        One brain-extracted scan per modality, float32 >= 0, background exactly 0; the twins are
        the same scans, noise and scanner faults included, had there been no lesion.
    extent : Tensor or None
        Soft extent of the lesion, 0..1; None for a healthy subject.
    mask : Tensor, bool
        What the brain extraction kept.
    kind : str
        Kind of disease, or "healthy".
    """

    grid: Grid
    scans: dict[str, Tensor]
    twins: dict[str, Tensor]
    extent: Tensor | None
    mask: Tensor
    kind: str


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


def draw_subject(
    seed: int,
    modalities: Sequence[str] = ("flair",),
    *,
    healthy: bool | None = None,
    kind: str | None = None,
    spacing: tuple[float, float, float] | None = None,
    twins: bool = False,
    device: torch.device | str = "cpu",
) -> DrawnSubject:
    """Draw one synthetic subject on a device.

    Anatomy, lesions, each modality and the brain extraction have random streams of their own: the
    same seed gives the same brain and lesion for any modalities, and on any device up to rounding.

    Parameters
    ----------
    seed, modalities, healthy, kind, spacing, twins
        As in `make_phantom`.
    device : torch.device or str
        Where to compute; what is returned lives there.

    Raises
    ------
    SettingsError
        For an unknown modality or kind, a healthy subject with a kind of lesion, or a negative
        seed.
    """
    unknown = [m for m in modalities if m not in MODALITIES]
    if unknown or not modalities:
        raise SettingsError(
            f"The modalities of a phantom must be among {', '.join(MODALITIES)}; got "
            f"{', '.join(unknown) or 'none'}."
        )
    if seed < 0:
        raise SettingsError(f"A phantom's seed must be 0 or more; got {seed}.")
    if kind is not None and kind not in LESION_KINDS:
        raise SettingsError(
            f"The kind of a phantom's lesions must be one of {', '.join(LESION_KINDS)}; got {kind}."
        )
    if healthy and kind is not None:
        raise SettingsError(
            f"A healthy phantom has no lesions of the kind {kind}; leave one of both out."
        )
    planning = Stream(seed, _PLAN)
    drawn_healthy = planning.chance(_HEALTHY_SHARE)
    if kind is not None:
        healthy = False
    plan = None if (drawn_healthy if healthy is None else healthy) else draw_plan(planning, kind)
    spacing = spacing or _draw_spacing(Stream(seed, _GRID))
    factor = max(1, int(np.ceil(spacing[2] / _FINE_MM)))
    thin = grid_for((spacing[0], spacing[1], spacing[2] / factor), torch.device(device))
    # Thick slices take whole groups of thin ones.
    thin = Grid((*thin.shape[:2], thin.shape[2] // factor * factor), thin.spacing, thin.device)
    grid = Grid((*thin.shape[:2], thin.shape[2] // factor), spacing, thin.device)
    anatomy = draw_anatomy(Stream(seed, _ANATOMY), thin, plan.push if plan else None)
    lesions = draw_lesions(Stream(seed, _LESION), anatomy, plan) if plan else None
    kept, remains = brain_extraction(Stream(seed, _MASK), anatomy)
    mask = thicken(kept.float(), factor) >= 0.5
    scans, twin_scans = {}, {}
    for modality in modalities:
        stream = Stream(seed, _SCANS, MODALITIES.index(modality))
        painted = paint(stream, modality, anatomy, lesions)
        gain = stream.log_uniform(100.0, 3000.0)

        def scanned(signal: Tensor, modality: str = modality, gain: float = gain) -> Tensor:
            thick = thicken(signal + 0.75 * remains, factor)
            faults = Stream(seed, _SCANS, len(MODALITIES) + MODALITIES.index(modality))
            return acquire(faults, thick, mask, grid) * gain

        scans[modality] = scanned(painted.signal)
        if twins and lesions is not None:
            twin_scans[modality] = scanned(painted.twin)
    extent = None
    if lesions is not None:
        extent = thicken(torch.maximum(lesions.extent, lesions.core), factor)
    return DrawnSubject(
        grid, scans, twin_scans, extent, mask, lesions.kind if lesions else "healthy"
    )


def make_phantom(
    seed: int,
    modalities: Sequence[str] = ("flair",),
    *,
    healthy: bool | None = None,
    kind: str | None = None,
    spacing: tuple[float, float, float] | None = None,
    twins: bool = False,
    device: torch.device | str = "cpu",
) -> Phantom:
    """Draw one synthetic subject.

    Parameters
    ----------
    seed : int
        Any integer >= 0. Seeds from 500000 on were never used to train or tune a bundled model.
    modalities : sequence of {"flair", "t1", "t2"}
        Scans to draw.
    healthy : bool, optional
        Force a healthy subject (True) or one with lesions (False); by default about 30 % are
        healthy.
    kind : {"tumour", "infarct", "ms", "vascular", "spots"}, optional
        Force a subject with lesions of this kind; by default the seed chooses.
    spacing : tuple of float, optional
        Voxel size in mm; by default 0.9 to 1.3 mm in plane with slices of 1 to 6 mm.
    twins : bool
        Draw the scans without their lesions, too; a healthy subject gets none.
    device : torch.device or str
        Where to compute; see `draw_subject`.

    Raises
    ------
    SettingsError
        For an unknown modality or kind, a healthy subject with a kind of lesion, or a negative
        seed.
    """
    drawn = draw_subject(
        seed,
        modalities,
        healthy=healthy,
        kind=kind,
        spacing=spacing,
        twins=twins,
        device=device,
    )
    affine = drawn.grid.affine

    def volume(values: Tensor, modality: str) -> Volume:
        return Volume(data=values.cpu().numpy(), affine=affine.copy(), modality=modality)

    truth = np.zeros(drawn.grid.shape, dtype=np.uint8)
    if drawn.extent is not None:
        truth = ((drawn.extent >= 0.5) & drawn.mask).cpu().numpy().astype(np.uint8)
    description = {
        "seed": seed,
        "kind": drawn.kind,
        "lesion_ml": float(truth.sum()) * drawn.grid.voxel_ml,
        "spacing_mm": [round(s, 4) for s in drawn.grid.spacing],
        "modalities": list(modalities),
    }
    return Phantom(
        {m: volume(scan, m) for m, scan in drawn.scans.items()},
        Volume(data=truth, affine=affine.copy(), modality="lesion"),
        {m: volume(scan, m) for m, scan in drawn.twins.items()},
        description,
    )


def _draw_spacing(stream: Stream) -> tuple[float, float, float]:
    plane = round(stream.uniform(0.9, 1.3), 2)
    thickness = 1.0 if stream.chance(0.25) else round(stream.uniform(1.5, 6.0), 1)
    return plane, plane, thickness


def write_phantom(
    seed: int,
    out: Path,
    modalities: Sequence[str] = ("flair",),
    *,
    healthy: bool | None = None,
    kind: str | None = None,
) -> Phantom:
    """Write a phantom as NIfTI: one file per modality, lesion.nii.gz, phantom.json.

    Parameters
    ----------
    seed, modalities, healthy, kind
        As in `make_phantom`.
    out : Path
        Folder to write into; it must exist.
    """
    from anofpdm.scans.volume import write_nifti

    phantom = make_phantom(seed, modalities, healthy=healthy, kind=kind)
    for modality, volume in phantom.volumes.items():
        write_nifti(out / f"{modality}.nii.gz", volume.data, like=volume, dtype=np.float32)
    write_nifti(out / "lesion.nii.gz", phantom.lesion.data, like=phantom.lesion, dtype=np.uint8)
    (out / "phantom.json").write_text(json.dumps(phantom.description, indent=2) + "\n")
    return phantom
