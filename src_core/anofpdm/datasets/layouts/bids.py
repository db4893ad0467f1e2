"""BIDS folders, and ATLAS v2.0, which is one.

Files are recognised by their names and by the JSON and TSV files beside them, so raw data and
derivatives may lie in any folders below the source. Where the source is the raw part of a dataset,
masks are read from `derivatives` beside it as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Case, Found, LeftAlone, unique_cases
from anofpdm.datasets.layouts.bids_masks import Role, is_mask_like, looks_like_mask, role_of
from anofpdm.datasets.layouts.bids_name import BidsName, is_index, parsed_name, telling_match
from anofpdm.datasets.nifti_files import nifti_files, stem_of

ATLAS_ENTITIES: Final = {"space": "MNI152NLin2009aSym"}
_DERIVATIVES: Final = "derivatives"
_DESCRIPTION: Final = "dataset_description.json"
_RAW: Final = "rawdata"
# Another name beside `derivatives` may be another dataset, with another sub-01.
_PART_OF_DATASET: Final = re.compile(rf"{_RAW}|(sub|ses)-.+")
# They describe the mask itself, not the scan that it was drawn on.
_OF_THE_MASK: Final = ("desc", "label", "res", "den")

Session = tuple[str, str]


@dataclass
class _Files:
    """Files of one session."""

    scans: list[BidsName] = field(default_factory=list)
    others: list[BidsName] = field(default_factory=list)
    masks: list[tuple[BidsName, Role]] = field(default_factory=list)


class _Listing:
    """Cases and what is left alone, as they are found.

    Parameters
    ----------
    source : Path
        The folder that was given.
    dataset : Path
        The folder of the dataset that it is a part of, or the source itself.
    modalities, match
        As of `bids_cases`.
    """

    def __init__(
        self, source: Path, dataset: Path, modalities: Sequence[str], match: Mapping[str, str]
    ) -> None:
        self.source, self.dataset = source, dataset
        self.modalities, self.match = modalities, match
        self.sessions: dict[Session, _Files] = {}
        self.left_alone: list[LeftAlone] = []
        self._beside: set[Session] = set()

    def leave(self, path: Path, reason: str) -> None:
        """Note a file that is not read."""
        root = self.source if path.is_relative_to(self.source) else self.dataset
        name = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        self.left_alone.append(LeftAlone(name.as_posix(), reason))

    def add(self, path: Path, root: Path, *, masks_only: bool = False) -> None:
        """Sort one file in."""
        named = parsed_name(path)
        if named is None:
            if looks_like_mask(stem_of(path)) or path.name.startswith("sub-"):
                self.leave(path, "is not named as BIDS names files (sub-..._suffix)")
            return
        if masks_only and named.session not in self.sessions and named.session[1]:
            return  # of a session that the source does not hold
        if masks_only and named.session not in self.sessions:
            self._beside.add(named.session)
        files = self.sessions.setdefault(named.session, _Files())
        if is_mask_like(named):
            files.masks.append((named, role_of(named, root)))
        elif named.modality in self.modalities and not masks_only:
            files.scans.append(named)
        elif not masks_only:
            files.others.append(named)

    def share_masks(self) -> None:
        """Give masks without a session to the subject's one session with scans."""
        for key, files in list(self.sessions.items()):
            subject, session = key
            if session or files.scans or not files.masks:
                continue
            scanned = [
                other
                for (name, _), other in self.sessions.items()
                if name == subject and other.scans
            ]
            if len(scanned) == 1:
                scanned[0].masks += files.masks
            for named, role in files.masks if len(scanned) > 1 else ():
                several = f"has no session in its name, but {len(scanned)} sessions have scans"
                self.leave(named.path, role.reason or several)
            if scanned or key in self._beside:
                del self.sessions[key]

    def cases(self) -> list[Case]:
        """Make a case of each session that has scans or a lesion mask."""
        return [case for key in sorted(self.sessions) if (case := self._case(key)) is not None]

    def _case(self, key: Session) -> Case | None:
        subject, session = f"sub-{key[0]}", f"ses-{key[1]}" if key[1] else ""
        name = "_".join(filter(None, (subject, session)))
        files = self.sessions[key]
        for named, role in files.masks:
            if role.kind == "other":
                self.leave(named.path, role.reason)
        if not files.scans and not any(role.kind == "lesion" for _, role in files.masks):
            seen = ", ".join(sorted({other.suffix for other in files.others}))
            if seen:
                wanted = " or ".join(self.modalities)
                self.left_alone.append(LeftAlone(name, f"has no {wanted} scan, only {seen}"))
            return None
        try:
            images = {modality: self._scan(files, modality, name) for modality in self.modalities}
            scans = list(images.values())
            lesion = self._mask(files, "lesion", scans, name)
            brain = self._mask(files, "brain", scans, name)
            self._check_one_dataset(name, [*scans, *(pair[0] for pair in (lesion, brain) if pair)])
        except DatasetError as error:
            return Case(subject=name, patient=subject, problem=str(error))
        return Case(
            subject=name,
            patient=subject,
            images={modality: scan.path for modality, scan in images.items()},
            mask=None if lesion is None else lesion[0].path,
            mask_labels=() if lesion is None else lesion[1].labels,
            brain_mask=None if brain is None else brain[0].path,
        )

    def _check_one_dataset(self, name: str, files: Sequence[BidsName]) -> None:
        """Refuse files of two people: the sub-01 of two datasets below one folder."""
        owners = dict.fromkeys(_dataset_of(file.path, self.source) for file in files)
        known = [folder for folder in owners if folder is not None]
        if len(known) > 1:
            raise DatasetError(
                f"{name} has files in {len(known)} datasets ({known[0]}, {known[1]}), where the "
                "name may stand for two people; give the folder of one dataset."
            )

    def _scan(self, files: _Files, modality: str, name: str) -> BidsName:
        there = [file for file in files.scans if file.modality == modality]
        found = [file for file in there if file.fits(self.match)]
        if not found:
            seen = f"; there is {', '.join(file.path.name for file in there[:3])}" if there else ""
            raise DatasetError(f"{name} has no {modality} scan{self._wanted()}{seen}.")
        if len(found) > 1:
            raise DatasetError(_several(name, f"{modality} scan", found))
        return found[0]

    def _mask(
        self, files: _Files, kind: str, scans: Sequence[BidsName], name: str
    ) -> tuple[BidsName, Role] | None:
        found = []
        for named, role in files.masks:
            if role.kind != kind:
                continue
            if (reason := self._of_another_scan(named, scans)) is not None:
                self.leave(named.path, reason)
            else:
                found.append((named, role))
        if len(found) > 1:
            own = {key: value for key, value in self.match.items() if key not in _OF_THE_MASK}
            found = [pair for pair in found if pair[0].fits(own)] or found
        if len(found) > 1:
            # What names the mask cannot be matched: the scans lack it.
            several = [named for named, _ in found]
            raise DatasetError(_several(name, f"{kind} mask", several, _OF_THE_MASK))
        return found[0] if found else None

    def _of_another_scan(self, mask: BidsName, scans: Sequence[BidsName]) -> str | None:
        """Say how a mask's name contradicts those of the scans; None where it does not."""
        for key in mask.entities:
            wanted = self.match.get(key)
            # space-T1w and space-orig say in words what no space says, too.
            if wanted is None or key in _OF_THE_MASK or (key == "space" and not wanted):
                continue
            if not mask.fits({key: wanted}):
                return f"is of {key}-{mask.entities[key]}, which --match {key}={wanted} leaves out"
        of_source = [scan for scan in scans if scan.modality == mask.source_modality]
        if mask.source and not of_source:
            return None  # drawn on a scan that the model does not read
        for key in mask.entities:
            if key != "space" and not is_index(key):
                continue
            values = {scan.value(key) for scan in of_source or scans}
            if "" not in values and mask.value(key) not in values:
                theirs = ", ".join(f"{key}-{value}" for value in sorted(values))
                return f"is of {key}-{mask.entities[key]}, and the scan of {theirs}"
        return None

    def _wanted(self) -> str:
        pairs = [f"{key}-{value}" if value else f"no {key}" for key, value in self.match.items()]
        return f" with {', '.join(pairs)} in its name" if pairs else ""


def bids_cases(
    source: Path,
    modalities: Sequence[str],
    match: Mapping[str, str] | None = None,
    leave_out: Path | None = None,
) -> Found:
    """List the sessions below a folder, sorted; sessions of a subject share the patient.

    Parameters
    ----------
    source : Path
        The dataset's folder, or one above or below it.
    modalities : sequence of str
        t1 (T1w), t1ce (T1w with a ce entity), t2 (T2w), flair (FLAIR), or another suffix in lower
        case.
    match : mapping of str to str, optional
        Entities that the scans must have, such as {"space": "MNI152"}; "" for none of it. Indices
        (run, echo) are compared as numbers, labels as texts. They narrow masks down, too.
    leave_out : Path, optional
        A folder whose files are not listed, such as that of results.

    Returns
    -------
    Found
        A session that has scans but not the ones wanted is a case with a problem. Masks and
        sessions that are not read are left alone, with the reason.
    """
    beside = _derivatives_beside(source)
    dataset = source if beside is None else beside.parent
    listing = _Listing(source, dataset, modalities, match or {})
    for path in nifti_files(source):
        if leave_out is None or not path.is_relative_to(leave_out):
            listing.add(path, source)
    if beside is not None:
        for path in nifti_files(beside):
            if leave_out is None or not path.is_relative_to(leave_out):
                listing.add(path, beside, masks_only=True)
    listing.share_masks()
    cases = unique_cases(listing.cases(), source)
    left_alone = tuple(sorted(listing.left_alone, key=lambda one: one.name))
    taken = [case for case in cases if beside and case.mask and case.mask.is_relative_to(beside)]
    counts = f"{len(taken)} of {len(cases)}"
    note = f"Masks of {counts} sessions are read from {_DERIVATIVES} beside the source."
    return Found(cases, left_alone, (note,) if taken else ())


def _derivatives_beside(source: Path) -> Path | None:
    """Find the derivatives of the dataset of which `source` is the raw part, or a part of that."""
    folder = source.absolute()
    if (folder / _DERIVATIVES).is_dir():
        return None  # read with the rest
    while _PART_OF_DATASET.fullmatch(folder.name):
        folder = folder.parent
        if (folder / _DERIVATIVES).is_dir():
            return folder / _DERIVATIVES
    return None


def _dataset_of(path: Path, source: Path) -> Path | None:
    """Folder of the dataset that a file belongs to; None where nothing says."""
    if not path.is_relative_to(source):
        return None
    parts = path.relative_to(source).parts[:-1]
    if _DERIVATIVES in parts:
        return source.joinpath(*parts[: parts.index(_DERIVATIVES)])
    for depth in range(len(parts) + 1):
        folder = source.joinpath(*parts[:depth])
        if (folder / _DESCRIPTION).is_file():
            return folder.parent if folder.name == _RAW else folder
    return None


def _several(name: str, what: str, files: Sequence[BidsName], leave_out: Sequence[str] = ()) -> str:
    """Say that nothing is chosen among several files, and what chooses."""
    paths = [file.path for file in files]
    match = telling_match(files, leave_out)
    same_name = len({path.name for path in paths}) < len(paths)
    shown = ", ".join(str(path) if same_name else path.name for path in paths[:3])
    if match:
        remedy = f"select one with --match, such as --match {match}"
    else:
        remedy = (
            "--match cannot distinguish them, so use a folder with only one of them, or list the "
            "files in a CSV table"
        )
    return f"{name} has {len(paths)} files for its {what} ({shown}); {remedy}."
