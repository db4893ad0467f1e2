"""`Case`: the files of one subject's examination, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from anofpdm.common.errors import DatasetError

Verdict = Literal["healthy", "unhealthy"]


@dataclass(frozen=True)
class Annotation:
    """What a person said about the slices of a subject.

    Attributes
    ----------
    verdict : {"healthy", "unhealthy"} or None
        Of the whole volume; None where nothing was said.
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
        One NIfTI file a modality.
    mask : Path, optional
        Pixel mask: voxels of 0.5 and more are lesion. Labels may come from it; training never
        reads it.
    brain_mask : Path, optional
        Voxels of 0.5 and more are brain.
    annotation : Annotation
        What a person said about its slices.
    problem : str
        One sentence on why it cannot be used; empty where it can.
    """

    subject: str
    patient: str
    images: Mapping[str, Path] = field(default_factory=dict)
    mask: Path | None = None
    brain_mask: Path | None = None
    annotation: Annotation = Annotation()
    problem: str = ""

    def files(self) -> dict[str, Path]:
        """All files by their role: the modalities, then "mask" and "brain mask"."""
        found = {**self.images, "mask": self.mask, "brain mask": self.brain_mask}
        return {role: path for role, path in found.items() if path is not None}


def unique_cases(cases: list[Case], source: Path) -> list[Case]:
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
                f'{source} holds the subject "{first.subject}" twice; rename or remove one of them.'
            )
    return ordered
