"""Summary of a prepared dataset: its content, skipped subjects and warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from anofpdm.datasets.case import Annotation, Case, LeftAlone
from anofpdm.datasets.preparation.parts import PartSummary
from anofpdm.datasets.store.attributes import Split
from anofpdm.datasets.store.slices import SliceDataset

_SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")


@dataclass(frozen=True)
class Skipped:
    """A subject that is not in the dataset.

    Attributes
    ----------
    subject : str
        Its name.
    reason : str
        One sentence.
    """

    subject: str
    reason: str


@dataclass(frozen=True)
class Prepared:
    """A dataset that `prepare` made.

    Attributes
    ----------
    path : Path
        The dataset's folder; `contact_sheet.png` and `prepared.json` lie in it.
    slices : dict of str to dict of str to int
        Number of healthy, unhealthy and unknown slices in each split.
    subjects, patients : dict of str to int
        Their numbers in each split.
    split_of : dict of str to str
        The split of each subject.
    skipped : tuple of Skipped
        Subjects that are not in it, and why.
    warnings : tuple of str
        What looks doubtful, one sentence each.
    parts : Path or None
        Where finished subjects are kept for another try, when some were skipped.
    left_alone : tuple of LeftAlone
        Masks and sessions that look as if they belonged here, and were not read.
    preparation : dict of str to dict
        What was done to the raw scans of a subject.
    """

    path: Path
    slices: dict[str, dict[str, int]]
    subjects: dict[str, int]
    patients: dict[str, int]
    split_of: dict[str, str]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    parts: Path | None
    left_alone: tuple[LeftAlone, ...] = ()
    preparation: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def report(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "slices": self.slices,
            "subjects": self.subjects,
            "patients": self.patients,
            "split_of": self.split_of,
            "skipped": [{"subject": s.subject, "reason": s.reason} for s in self.skipped],
            "left_alone": [{"name": a.name, "reason": a.reason} for a in self.left_alone],
            "preparation": self.preparation,
            "warnings": list(self.warnings),
        }


def described(
    dataset: SliceDataset,
    out: Path,
    cases: Sequence[Case],
    summaries: Mapping[str, PartSummary],
    skipped: Sequence[Skipped],
    parts: Path,
    wanted: Sequence[Split],
) -> Prepared:
    """Sum up a dataset that is whole but for its name.

    Parameters
    ----------
    dataset : SliceDataset
        Current path of the dataset.
    out : Path
        Its final path.
    cases : sequence of Case
        All cases found.
    summaries : mapping of str to PartSummary
        Those in the dataset.
    skipped : sequence of Skipped
        Those not in it.
    parts : Path
        Where finished subjects are kept.
    wanted : sequence of str
        Splits that should not be empty.
    """
    patient_of = {case.subject: case.patient for case in cases}
    slices, subjects, patients = {}, {}, {}
    split_of: dict[str, str] = {}
    for split in _SPLITS:
        if split not in dataset.splits:
            continue
        selection = dataset.select(split)
        labels: Counter[int] = Counter(selection.labels.tolist())
        members = set(selection.subjects)
        slices[split] = {"healthy": labels[0], "unhealthy": labels[1], "unknown": labels[-1]}
        subjects[split] = len(members)
        split_of |= dict.fromkeys(sorted(members), split)
        patients[split] = len({patient_of[subject] for subject in members})
    return Prepared(
        path=out,
        slices={str(split): counts for split, counts in slices.items()},
        subjects={str(split): count for split, count in subjects.items()},
        patients={str(split): count for split, count in patients.items()},
        split_of=split_of,
        skipped=tuple(skipped),
        warnings=(
            *_unlabelled(cases, summaries),
            *_lacking(slices, wanted),
            *(_masks_in_part(dataset) if any(case.mask for case in cases) else ()),
            *(f"{name}: {text}" for name, found in summaries.items() for text in found.warnings),
        ),
        parts=parts if skipped else None,
        preparation={
            name: found.preparation for name, found in summaries.items() if found.preparation
        },
    )


def _unlabelled(cases: Sequence[Case], summaries: Mapping[str, PartSummary]) -> list[str]:
    found = [
        case.subject
        for case in cases
        if case.subject in summaries and case.mask is None and case.annotation == Annotation()
    ]
    if not found:
        return []
    return [
        f"{len(found)} of {len(summaries)} subjects have neither a mask nor a label, the first of "
        f"them {found[0]}; their slices are labelled unknown and are trained without a label."
    ]


def _lacking(slices: Mapping[Split, Mapping[str, int]], wanted: Sequence[Split]) -> list[str]:
    found = [
        f"The split {split} is empty, because there are too few patients; choose other shares "
        "(--split), or list the splits in a CSV (--splits)."
        for split in wanted
        if split not in slices
    ]
    for split in slices:
        use = "training needs" if split == "train" else "calibration and evaluation need"
        found += [
            f"The split {split} has no {name} slice, but {use} both classes; add such "
            "subjects, or list the splits in a CSV (--splits)."
            for name in ("healthy", "unhealthy")
            if not slices[split][name]
        ]
    return found


def _masks_in_part(dataset: SliceDataset) -> list[str]:
    found = []
    for split in ("val", "test"):
        if split not in dataset.splits:
            continue
        members = np.unique(dataset.select(split).subject)
        known = dataset.subject_has_truth[members]
        if known.any() and not known.all():
            first = dataset.subjects[members[~known][0]]
            found.append(
                f"{np.count_nonzero(~known)} of the {len(members)} subjects of the split {split} "
                f"have no mask, the first of them {first}; masks cannot be scored on this split."
            )
    return found
