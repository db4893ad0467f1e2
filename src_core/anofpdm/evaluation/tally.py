"""Adds up the scores of subjects; voxels and counts of maps do not stay in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anofpdm.evaluation.example import Example
from anofpdm.evaluation.measures.map_counts import MapCounts
from anofpdm.evaluation.scores import MethodScores, SubjectScores

EXAMPLES = 6
"""Number of subjects whose picture is kept."""

Floats = NDArray[np.float64]


class Tally:
    """The scores of all subjects so far.

    Scores of scans and slices stay in memory (about 1 kB a slice); counts of maps wait in a
    temporary folder, which is removed on exit.

    Attributes
    ----------
    subjects : list of SubjectScores
        Without their maps.
    """

    def __init__(self) -> None:
        self.subjects: list[SubjectScores] = []
        self.maps: tuple[str, ...] = ()
        self._folder = tempfile.TemporaryDirectory(prefix="anofpdm-evaluation-")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def add(self, scores: SubjectScores) -> None:
        """Add a subject."""
        for index, (name, counts) in enumerate(scores.maps.items()):
            np.savez_compressed(
                self._file(len(self.subjects), index),
                counts=counts.counts,
                slice_dice=counts.slice_dice,
                slices=counts.slices,
            )
            if name not in self.maps:
                self.maps = (*self.maps, name)
        shown = sum(subject.example is not None for subject in self.subjects)
        wanted = scores.has_lesion and shown < EXAMPLES
        self.subjects.append(replace(scores, maps={}, example=scores.example if wanted else None))

    def counts(self, name: str) -> Iterator[MapCounts]:
        """Yield the counts of a map, subject by subject."""
        index = self.maps.index(name)
        for number in range(len(self.subjects)):
            with np.load(self._file(number, index)) as stored:
                yield MapCounts(stored["counts"], stored["slice_dice"], int(stored["slices"]))

    @property
    def examples(self) -> list[Example]:
        """Slices for pictures, of the first subjects with a lesion."""
        return [subject.example for subject in self.subjects if subject.example is not None]

    @property
    def patients(self) -> list[str]:
        """Whose each scan is."""
        return [subject.patient for subject in self.subjects]

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods."""
        return tuple(self.subjects[0].methods) if self.subjects else ()

    def of_method(self, name: str) -> list[MethodScores]:
        """Scores of a method, one a scan."""
        return [subject.methods[name] for subject in self.subjects]

    def by_slice(self) -> Mapping[str, NDArray[np.generic]]:
        """Scan, label, lesion area and curves of all slices, each (slices,)."""
        scans = [
            np.full(len(subject.labels), number) for number, subject in enumerate(self.subjects)
        ]
        found: dict[str, NDArray[np.generic]] = {
            "scan": np.concatenate(scans),
            "label": np.concatenate([subject.labels for subject in self.subjects]),
            "lesion_mm2": np.concatenate([subject.lesion_mm2 for subject in self.subjects]),
        }
        for curve in self.subjects[0].curves:
            found[curve] = np.concatenate([subject.curves[curve] for subject in self.subjects])
        return found

    def _file(self, subject: int, index: int) -> Path:
        return Path(self._folder.name) / f"{subject:06d}-{index}.npz"
