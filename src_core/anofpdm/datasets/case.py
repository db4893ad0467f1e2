"""`Case`: the files of one subject's examination, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from anofpdm.common.errors import DatasetError

Verdict = Literal["healthy", "unhealthy"]


@dataclass(frozen=True)
class Annotation:
    """A person's labels for the slices of a subject.

    Attributes
    ----------
    verdict : {"healthy", "unhealthy"} or None
        Label of the whole volume; None if there is none.
    ranges : tuple of (first, last)
        Unhealthy slices, ends included; canonical axial index, 0 for the lowest (toward the feet).
        Where given, all other slices are healthy.
    """

    verdict: Verdict | None = None
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Case:
    """One examination: a subject at one time.

    Attributes
    ----------
    subject : str
        Its name, unique in a dataset.
    patient : str
        Whose it is; all examinations of a patient go to the same split.
    images : mapping of str to Path
        One NIfTI file per modality.
    mask : Path, optional
        Pixel mask: voxels of 0.5 and more are lesion. Labels may come from it; training never
        reads it.
    mask_labels : tuple of int
        Values in the mask that alone are lesion, where it is a segmentation; else empty.
    brain_mask : Path, optional
        Voxels of 0.5 and more are brain.
    annotation : Annotation
        A person's labels for its slices.
    problem : str
        One sentence on why it cannot be used; empty where it can.
    """

    subject: str
    patient: str
    images: Mapping[str, Path] = field(default_factory=dict)
    mask: Path | None = None
    mask_labels: tuple[int, ...] = ()
    brain_mask: Path | None = None
    annotation: Annotation = Annotation()
    problem: str = ""

    def files(self) -> dict[str, Path]:
        """All files by their role: the modalities, then "mask" and "brain mask"."""
        found = {**self.images, "mask": self.mask, "brain mask": self.brain_mask}
        return {role: path for role, path in found.items() if path is not None}


@dataclass(frozen=True)
class LeftAlone:
    """Something in a source that looks as if it belonged to the dataset, and is not read.

    Attributes
    ----------
    name : str
        A file, relative to the source, or a session.
    reason : str
        The end of a sentence on it.
    """

    name: str
    reason: str


def sentences_on(left_alone: Iterable[LeftAlone]) -> tuple[str, ...]:
    """Return one sentence for each reason to leave something alone, naming the first."""
    names: dict[str, list[str]] = {}
    for one in left_alone:
        names.setdefault(one.reason, []).append(one.name)
    return tuple(
        f"Not read: {first}{f' (and {len(more)} more of the same kind)' if more else ''} {reason}."
        for reason, (first, *more) in names.items()
    )


@dataclass(frozen=True)
class Found:
    """The content of a source.

    Attributes
    ----------
    cases : tuple of Case
        Sorted by subject.
    left_alone : tuple of LeftAlone
        Sorted by name.
    notes : tuple of str
        What else should be known, one sentence each.
    """

    cases: tuple[Case, ...]
    left_alone: tuple[LeftAlone, ...] = ()
    notes: tuple[str, ...] = ()


def unique_cases(cases: Iterable[Case], source: Path) -> tuple[Case, ...]:
    """Sort cases by subject.

    Raises
    ------
    DatasetError
        When a subject appears twice.
    """
    ordered = sorted(cases, key=lambda case: case.subject)
    for first, second in pairwise(ordered):
        if first.subject == second.subject:
            raise DatasetError(
                f'{source} contains the subject "{first.subject}" twice; rename or remove one.'
            )
    return tuple(ordered)
