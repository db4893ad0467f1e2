"""One case to labelled slices on the network's grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Case
from anofpdm.datasets.labels.rule import Labels, labels_from_annotation, labels_from_area
from anofpdm.method.class_labels import UNKNOWN
from anofpdm.preprocessing.chain import ChainSettings, prepare_scans
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.preprocessing import SliceStack, preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.values import mask_voxels
from anofpdm.scans.volume import Volume, read_volume

AS_THEY_ARE = ChainSettings(skull="keep", register="off")
"""Scans of one head must lie on one grid, and nothing is done to them."""


@dataclass(frozen=True)
class Recipe:
    """The settings that determine how a case becomes slices.

    Attributes
    ----------
    modalities : tuple of str
        Channels in order.
    preprocessing : PreprocessingConfig
        Grid, field of view and scaling.
    lesion_mm2 : float
        Lesion area in a slice from which its mask makes it unhealthy; see `labels_from_area`.
    form : {"sform", "qform"} or None
        Which form of a NIfTI header places the voxels; see `read_volume`.
    keep_paths : bool
        Whether warnings name files with their folders.
    chain : ChainSettings
        How raw scans are prepared; a subject's own brain mask takes the place of an extraction.
    """

    modalities: tuple[str, ...]
    preprocessing: PreprocessingConfig
    lesion_mm2: float
    form: Form | None = None
    keep_paths: bool = False
    chain: ChainSettings = AS_THEY_ARE

    def read(self, path: Path, modality: str | None = None) -> Volume:
        """Read a file of a case."""
        return read_volume(path, modality, form=self.form, keep_path=self.keep_paths)


@dataclass(frozen=True, eq=False)
class SubjectSlices:
    """The foreground slices of one case.

    Attributes
    ----------
    images : ndarray (S, C, H, W) float16
        In [-1, 1].
    foreground : ndarray (S, H, W) bool
        Brain.
    truth : ndarray (S, H, W) bool, or None
        Lesion, if known from a mask or the label "healthy".
    labels : ndarray (S,) int8
        0 healthy, 1 unhealthy, -1 unknown.
    slice_ids : ndarray (S,) int32
        Canonical axial indices.
    spacing_mm : float
        Distance between axial slices.
    warnings : tuple of str
        What preprocessing found doubtful.
    preparation : dict
        What was done to raw scans, see `prepare_scans`.
    """

    images: NDArray[np.float16]
    foreground: NDArray[np.bool_]
    truth: NDArray[np.bool_] | None
    labels: Labels
    slice_ids: NDArray[np.int32]
    spacing_mm: float
    warnings: tuple[str, ...]
    preparation: dict[str, Any] = field(default_factory=dict)


def subject_slices(case: Case, recipe: Recipe) -> SubjectSlices:
    """Read, preprocess and label a case.

    Raises
    ------
    AnofpdmError
        One sentence on why the case cannot be used.
    """
    volumes = {m: recipe.read(case.images[m], m) for m in recipe.modalities}
    first = volumes[recipe.modalities[0]]
    brain = None if case.brain_mask is None else recipe.read(case.brain_mask)
    chain = recipe.chain if brain is None else replace(recipe.chain, skull="keep")
    told: list[str] = []
    ready = prepare_scans(volumes, chain, brain_mask=brain, warn=told.append)
    stack = preprocess(ready.volumes, recipe.modalities, recipe.preprocessing, ready.brain_mask)
    mask = None if case.mask is None else on_grid_of(first, recipe.read(case.mask))
    lesion = None if mask is None else _lesion_share(mask, case, stack)
    check_verdict(case, lesion)
    truth = None if lesion is None else lesion >= 0.5
    if lesion is None and case.annotation.verdict == "healthy":
        truth = np.zeros_like(stack.foreground)
    return SubjectSlices(
        images=stack.slices.astype(np.float16),
        foreground=stack.foreground,
        truth=truth,
        labels=_labels(case, recipe, stack, lesion),
        slice_ids=stack.slice_ids.astype(np.int32),
        spacing_mm=stack.geometry.slice_thickness_mm,
        warnings=(*told, *stack.warnings, *(() if mask is None else mask.warnings)),
        preparation=ready.record,
    )


def lesion_voxels(mask: Volume, case: Case) -> NDArray[np.bool_]:
    """Return the voxels that a case's mask marks as lesion.

    Raises
    ------
    VolumeError
        When the mask holds grey values.
    """
    lesion = mask_voxels(mask, "lesion mask")
    if case.mask_labels:
        with np.errstate(invalid="ignore"):
            lesion = np.isin(np.rint(mask.data), case.mask_labels)
    return np.asarray(lesion)


def _lesion_share(mask: Volume, case: Case, stack: SliceStack) -> NDArray[np.float32]:
    """Share of each network pixel that is lesion, (S, H, W) in [0, 1]."""
    lesion, geometry = lesion_voxels(mask, case), stack.geometry
    return geometry.to_network(geometry.orientation.to_canonical(lesion))[stack.slice_ids]


def check_verdict(case: Case, lesion: NDArray[np.generic] | None) -> None:
    """Refuse a mask that contradicts the label of its whole volume.

    Raises
    ------
    DatasetError
        When it is not empty and the label is "healthy", or the other way round.
    """
    verdict = case.annotation.verdict
    if lesion is None or verdict is None or bool(lesion.any()) == (verdict == "unhealthy"):
        return
    marks = "marks a lesion" if verdict == "healthy" else "is empty"
    raise DatasetError(
        f"{case.subject} is labelled {verdict}, but its mask {case.mask} {marks}; correct one of "
        "them."
    )


def _labels(
    case: Case, recipe: Recipe, stack: SliceStack, lesion: NDArray[np.float32] | None
) -> Labels:
    depth = stack.geometry.canonical_shape[2]
    said = labels_from_annotation(case.annotation, stack.slice_ids, depth)
    if said is not None:
        return said
    if lesion is None:
        return np.full(len(stack.slice_ids), UNKNOWN, dtype=np.int8)
    area = lesion.sum(axis=(1, 2)) * float(np.prod(stack.geometry.pixel_mm))
    return labels_from_area(area, recipe.lesion_mm2)
