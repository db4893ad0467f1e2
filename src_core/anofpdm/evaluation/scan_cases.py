"""Scans with known lesions, read or drawn one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Case
from anofpdm.datasets.preparation.file_names import without_folders
from anofpdm.datasets.preparation.subject import Recipe, check_verdict, lesion_voxels
from anofpdm.evaluation.loaded_subject import LoadedSubject
from anofpdm.evaluation.skipped import SkippedScan
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.foreground import CleanVoxels, foreground_of
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.values import mask_voxels
from anofpdm.scans.volume import Volume
from anofpdm.synthetic import make_phantom


@dataclass(frozen=True, eq=False)
class KnownScan:
    """A scan and its true lesion, on the scan's own voxels.

    Attributes
    ----------
    volumes : mapping of str to Volume
        By modality, all on one grid.
    lesion : ndarray, shape of the scan, bool
    brain_mask : Volume or None
        None where the background tells the brain.
    kind : str
        Kind of lesion where it is known, else "".
    """

    volumes: Mapping[str, Volume]
    lesion: NDArray[np.bool_]
    brain_mask: Volume | None = None
    kind: str = ""

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return next(iter(self.volumes.values())).voxel_volume_ml

    def slices_for(self, model: ModelBundle) -> LoadedSubject:
        """Preprocess the scan as a model asks for.

        Raises
        ------
        AnofpdmError
            When the scan does not suit the model.
        """
        known = model.metadata
        stack = preprocess(self.volumes, known.modalities, known.preprocessing, self.brain_mask)
        return LoadedSubject(stack, self.lesion, kind=self.kind)

    def brain(self, modality: str) -> NDArray[np.bool_]:
        """Brain voxels: those of the mask, else the foreground of a modality."""
        volume = self.volumes[modality]
        if self.brain_mask is not None:
            return mask_voxels(on_grid_of(volume, self.brain_mask), "brain mask")
        turn = Orientation.of_affine(volume.affine)
        return turn.to_input(foreground_of(CleanVoxels(turn.to_canonical(volume.data))))


class ScanCase(Protocol):
    """One case of an evaluation; it holds no voxels until it is read."""

    @property
    def name(self) -> str:
        """Unique in an evaluation."""

    @property
    def patient(self) -> str:
        """Whose scan it is; intervals are drawn over patients."""

    @property
    def files(self) -> Sequence[Path]:
        """What it is read from, for messages; none where it is drawn."""

    def load(self, model: ModelBundle) -> LoadedSubject:
        """Read or draw it, and make the slices that a model reads."""


class KnownScanCase(ScanCase, Protocol):
    """A case with voxels of its own."""

    def read(self) -> KnownScan:
        """Read or draw the scan."""


@dataclass(frozen=True)
class PhantomCase:
    """A synthetic subject on its own voxels; see `make_phantom`."""

    seed: int
    modalities: tuple[str, ...] = ("flair",)

    @property
    def name(self) -> str:
        """The seed."""
        return f"phantom-{self.seed}"

    @property
    def patient(self) -> str:
        """Each seed is a patient of its own."""
        return self.name

    @property
    def files(self) -> tuple[Path, ...]:
        """None."""
        return ()

    def read(self) -> KnownScan:
        """Draw it."""
        phantom = make_phantom(self.seed, self.modalities)
        kind = str(phantom.description["kind"])
        return KnownScan(phantom.volumes, np.asarray(phantom.lesion.data) > 0, kind=kind)

    def load(self, model: ModelBundle) -> LoadedSubject:
        """Draw it, and make the slices that a model reads."""
        return self.read().slices_for(model)


@dataclass(frozen=True)
class FileCase:
    """A case of a dataset on disk.

    Attributes
    ----------
    case : Case
        With a lesion mask, or labelled healthy.
    recipe : Recipe
        How its files are read.
    """

    case: Case
    recipe: Recipe

    @property
    def name(self) -> str:
        """The subject."""
        return self.case.subject

    @property
    def patient(self) -> str:
        """Whose scan it is."""
        return self.case.patient

    @property
    def files(self) -> tuple[Path, ...]:
        """Scans and masks."""
        return tuple(self.case.files().values())

    def read(self) -> KnownScan:
        """Read scans and masks.

        Raises
        ------
        AnofpdmError
            When a file cannot be read, or scans and masks do not share a grid.
        """
        case, recipe = self.case, self.recipe
        volumes = {m: recipe.read(case.images[m], m) for m in recipe.modalities}
        first = volumes[recipe.modalities[0]]
        brain = None if case.brain_mask is None else recipe.read(case.brain_mask)
        if case.mask is None:
            return KnownScan(volumes, np.zeros(first.shape, dtype=bool), brain)
        lesion = lesion_voxels(on_grid_of(first, recipe.read(case.mask)), case)
        check_verdict(case, lesion)
        return KnownScan(volumes, lesion, brain)

    def load(self, model: ModelBundle) -> LoadedSubject:
        """Read it, and make the slices that a model reads."""
        return self.read().slices_for(model)


def file_cases(
    cases: Sequence[Case], recipe: Recipe
) -> tuple[tuple[FileCase, ...], list[SkippedScan]]:
    """Keep the cases whose lesions are known.

    Parameters
    ----------
    cases : sequence of Case
        As a layout lists them.
    recipe : Recipe
        How their files are read.

    Returns
    -------
    kept : tuple of FileCase
    skipped : list of SkippedScan
        The others.

    Raises
    ------
    DatasetError
        When none is left.
    """
    kept, skipped = [], []
    for case in cases:
        problem = case.problem
        if not problem and case.mask is None and case.annotation.verdict != "healthy":
            problem = "it has no lesion mask."
        if problem:
            files = case.files().values()
            skipped.append(SkippedScan(case.subject, without_folders(problem, files)))
        else:
            kept.append(FileCase(case, recipe))
    if not kept:
        reason = f" ({skipped[0].words})" if skipped else ""
        raise DatasetError(
            f"No scan with a lesion mask was found{reason}; an evaluation needs known lesions."
        )
    return tuple(kept), skipped
