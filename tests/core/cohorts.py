"""Small cohorts of phantoms on disk, in the layouts that `prepare` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.volume import Volume, write_nifti
from anofpdm.synthetic import Phantom, make_phantom

GRID = PreprocessingConfig(size=32, extent_mm=208.0)
# Two examinations of one patient, three other patients; the last is healthy.
BRATS = {
    "BraTS-GLI-00000-000": 0,
    "BraTS-GLI-00000-001": 1,
    "BraTS-GLI-00001-000": 1,
    "BraTS-GLI-00002-000": 2,
    "BraTS-GLI-00003-000": None,
}
_KINDS = {"flair": "t2f", "t1": "t1n"}


@cache
def phantom(seed: int | None) -> Phantom:
    """A coarse subject with a tumour, or, for None, a healthy one."""
    kind = None if seed is None else "tumour"
    return make_phantom(
        seed or 0, ["flair", "t1"], healthy=seed is None, kind=kind, spacing=(6.0, 6.0, 12.0)
    )


@contextmanager
def coarse_training_phantoms() -> Iterator[None]:
    """Let this process draw the phantoms of datasets on coarse voxels: several times faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anofpdm.synthetic.slices.training_spacing", lambda seed: (3.0, 3.0, 4.0))
        yield


def save(path: Path, volume: Volume) -> Path:
    """Write a volume, whatever stands there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dtype = np.uint8 if volume.modality == "lesion" else np.float32
    write_nifti(path, volume.data, like=volume, dtype=dtype, overwrite=True)
    return path


def write_brats(
    folder: Path, cases: Mapping[str, int | None] = BRATS, *, masks: bool = True
) -> Path:
    """Write cases as BraTS 2023 names them."""
    for name, seed in cases.items():
        for modality, kind in _KINDS.items():
            save(folder / name / f"{name}-{kind}.nii.gz", phantom(seed).volumes[modality])
        if masks:
            save(folder / name / f"{name}-seg.nii.gz", phantom(seed).lesion)
    return folder


def write_atlas(folder: Path, names: Sequence[str] = ("r001s001", "r001s002")) -> Path:
    """Write cases as ATLAS v2.0 does, with a scan in another space that must not be taken."""
    space = "space-MNI152NLin2009aSym"
    for seed, name in enumerate(names):
        stem = f"sub-{name}_ses-1"
        anat = folder / "Training" / "R001" / f"sub-{name}" / "ses-1" / "anat"
        save(anat / f"{stem}_{space}_T1w.nii.gz", phantom(seed).volumes["t1"])
        save(anat / f"{stem}_{space}_label-L_desc-T1lesion_mask.nii.gz", phantom(seed).lesion)
        save(anat / f"{stem}_T1w.nii.gz", phantom(seed).volumes["flair"])
    return folder


def brats_config(source: Path, **changes: object) -> PrepareConfig:
    """How the tests prepare the BraTS cohort: FLAIR and T1 on 32 pixels."""
    values = {
        "source": source,
        "layout": "brats",
        "modalities": ("flair", "t1"),
        "preprocessing": GRID,
        "shares": (50, 25, 25),
    }
    return PrepareConfig.model_validate(values | changes)
