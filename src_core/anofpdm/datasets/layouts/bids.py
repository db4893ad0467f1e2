"""BIDS folders, and ATLAS v2.0, which is one.

Files are recognised by their names alone, so raw data and derivatives may lie in any folders below
the source: sub-01[_ses-1][_key-value...]_suffix.nii.gz.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Case, unique_cases
from anofpdm.datasets.nifti_files import nifti_files, stem_of
from anofpdm.scans.checks import CONTRASTS

ATLAS_ENTITIES: Final = {"space": "MNI152NLin2009aSym"}
_MASK_SUFFIXES = frozenset({"mask", "roi", "msk"})


@dataclass(frozen=True)
class _Named:
    path: Path
    entities: Mapping[str, str]
    suffix: str

    @property
    def words(self) -> str:
        return f"{self.entities.get('desc', '')} {self.entities.get('label', '')}".lower()

    @property
    def modality(self) -> str | None:
        if self.suffix in _MASK_SUFFIXES:
            return None
        modality = CONTRASTS.get(self.suffix, self.suffix)
        return "t1ce" if modality == "t1" and "ce" in self.entities else modality

    @property
    def is_brain_mask(self) -> bool:
        return self.suffix in _MASK_SUFFIXES and "brain" in self.words.split()

    @property
    def is_lesion_mask(self) -> bool:
        # ATLAS says label-L; ISLES has masks (msk) that say nothing else.
        named = "lesion" in self.words or self.entities.get("label") == "L"
        return self.suffix in _MASK_SUFFIXES and (named or self.suffix == "msk")


def bids_cases(
    source: Path, modalities: Sequence[str], match: Mapping[str, str] | None = None
) -> list[Case]:
    """List the sessions below a folder, sorted; sessions of a subject share the patient.

    Parameters
    ----------
    source : Path
        The dataset's folder, or one above or below it.
    modalities : sequence of str
        t1 (T1w), t1ce (T1w with a ce entity), t2 (T2w), flair (FLAIR), or another suffix in lower
        case.
    match : mapping of str to str, optional
        Entities that the scans must have, such as {"space": "MNI152"}; "" for none of it. They
        narrow masks down, too, where several are found.
    """
    grouped: dict[tuple[str, str], list[_Named]] = {}
    for path in nifti_files(source):
        named = _parse(path)
        if named is not None:
            key = named.entities["sub"], named.entities.get("ses", "")
            grouped.setdefault(key, []).append(named)
    cases = [_case(key, files, modalities, match or {}) for key, files in grouped.items()]
    return unique_cases([case for case in cases if case is not None], source)


def _parse(path: Path) -> _Named | None:
    *pairs, suffix = stem_of(path).split("_")
    entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
    if len(entities) != len(pairs) or next(iter(entities), "") != "sub":
        return None
    return _Named(path, entities, suffix.lower())


def _case(
    key: tuple[str, str],
    files: Sequence[_Named],
    modalities: Sequence[str],
    match: Mapping[str, str],
) -> Case | None:
    subject, session = f"sub-{key[0]}", f"ses-{key[1]}" if key[1] else ""
    name = "_".join(filter(None, (subject, session)))
    scans = [file for file in files if file.modality in modalities and _fits(file, match)]
    lesions = [file for file in files if file.is_lesion_mask]
    if not scans and not lesions:
        return None  # a session of other scans, such as functional ones
    try:
        images = {}
        for modality in modalities:
            chosen = _only((f for f in scans if f.modality == modality), modality, name)
            if chosen is None:
                raise DatasetError(f"{name} has no {modality} scan{_wanted(match)}.")
            images[modality] = chosen
        return Case(
            subject=name,
            patient=subject,
            images=images,
            mask=_only(_narrowed(lesions, match), "lesion mask", name),
            brain_mask=_only(
                _narrowed([f for f in files if f.is_brain_mask], match), "brain mask", name
            ),
        )
    except DatasetError as error:
        return Case(subject=name, patient=subject, problem=str(error))


def _fits(file: _Named, match: Mapping[str, str]) -> bool:
    return all(file.entities.get(key, "") == value for key, value in match.items())


def _narrowed(files: Sequence[_Named], match: Mapping[str, str]) -> Sequence[_Named]:
    if len(files) <= 1:
        return files
    fitting = [file for file in files if _fits(file, match)]
    return fitting or files


def _only(files: Iterable[_Named], what: str, name: str) -> Path | None:
    found = [file.path for file in files]
    if len(found) > 1:
        raise DatasetError(
            f"{name} has {len(found)} files for its {what} ({found[0].name}, {found[1].name}); "
            "say which with --match, such as --match run=1."
        )
    return found[0] if found else None


def _wanted(match: Mapping[str, str]) -> str:
    pairs = [f"{key}-{value}" if value else f"no {key}" for key, value in match.items()]
    return f" with {', '.join(pairs)} in its name" if pairs else ""
