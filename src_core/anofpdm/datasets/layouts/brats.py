"""The BraTS challenges of 2018 to 2023: file names, and whose scan each is.

2018, 2019   Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_{flair,t1,t1ce,t2,seg}.nii.gz
2020         BraTS20_Training_001/BraTS20_Training_001_{flair,t1,t1ce,t2,seg}.nii[.gz]
2021         BraTS2021_00000/BraTS2021_00000_{flair,t1,t1ce,t2,seg}.nii.gz
2023         BraTS-GLI-00000-000/BraTS-GLI-00000-000-{t2f,t1n,t1c,t2w,seg}.nii.gz

Folders between the source and the cases (HGG, LGG, TrainingData) do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from anofpdm.datasets.case import Case, Found, LeftAlone, unique_cases
from anofpdm.datasets.nifti_files import nifti_files, stem_of
from anofpdm.scans.modalities import CONTRASTS

_NAME = re.compile(r"(?P<case>brats.+)[_-](?P<kind>[a-z0-9]+)", re.IGNORECASE)
# 2020's case 355 was published with this name for its mask.
_STRAY_MASK = re.compile(r".*_segm", re.IGNORECASE)
_MASK_WORDS = re.compile(r"seg|mask|lesion|label|roi", re.IGNORECASE)
# A trailing number is the time of the scan: BraTS-GLI-00000-000 (2023), Brats18_CBICA_AAB_1.
_WITH_TIME = (
    re.compile(r"(?P<patient>brats-[a-z]+-\d+)-\d+", re.IGNORECASE),
    re.compile(r"(?P<patient>brats1[789]_[a-z0-9]+_[a-z0-9]+)_\d+", re.IGNORECASE),
)


def brats_cases(source: Path, modalities: Sequence[str]) -> Found:
    """List the cases below a folder, sorted; see the module's text for the names.

    Parameters
    ----------
    source : Path
        A folder with a folder for each case at any depth.
    modalities : sequence of str
        Of flair, t1, t1ce, t2.

    Returns
    -------
    Found
        Masks of another name, or without a scan beside them, are left alone.
    """
    left: dict[Path, str] = {}
    images: dict[tuple[Path, str], dict[str, Path]] = {}
    masks: dict[tuple[Path, str], Path] = {}
    for path in nifti_files(source):
        stem = stem_of(path)
        if _STRAY_MASK.fullmatch(stem):
            masks[path.parent, path.parent.name] = path
        elif match := _NAME.fullmatch(stem):
            key, kind = (path.parent, match["case"]), match["kind"].lower()
            if kind == "seg":
                masks[key] = path
            elif kind in CONTRASTS:
                images.setdefault(key, {})[CONTRASTS[kind]] = path
            elif _MASK_WORDS.search(kind):
                left[path] = "is not named as BraTS names masks (..._seg or ...-seg)"
        elif _MASK_WORDS.search(stem):
            left[path] = "is not named as BraTS names masks (..._seg or ...-seg)"
    left |= {path: "has no scan beside it" for key, path in masks.items() if key not in images}
    cases = [
        _case(name, found, masks.get((folder, name)), modalities)
        for (folder, name), found in images.items()
    ]
    alone = (LeftAlone(path.relative_to(source).as_posix(), left[path]) for path in sorted(left))
    return Found(unique_cases(cases, source), tuple(alone))


def brats_patient(case: str) -> str:
    """Return a case's patient: its name without the time of the scan."""
    matches = (pattern.fullmatch(case) for pattern in _WITH_TIME)
    return next((match["patient"] for match in matches if match), case)


def _case(name: str, images: dict[str, Path], mask: Path | None, modalities: Sequence[str]) -> Case:
    missing = [modality for modality in modalities if modality not in images]
    folder = next(iter(images.values())).parent
    return Case(
        subject=name,
        patient=brats_patient(name),
        images={modality: images[modality] for modality in modalities if modality in images},
        mask=mask,
        problem=f"{folder} has no {' and no '.join(missing)} scan." if missing else "",
    )
