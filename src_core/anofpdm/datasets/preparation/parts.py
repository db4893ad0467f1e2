"""Finished subjects of a dataset in the making, kept on disk so that a stop costs little."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import TypeAdapter

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import DatasetError, OutputError
from anofpdm.common.folder_lock import folder_lock
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import one_line
from anofpdm.datasets.case import Case
from anofpdm.datasets.preparation.subject import Recipe, SubjectSlices

_VERSION: Final = 1
_ARRAYS: Final = ("images", "foreground", "labels", "slice_ids")


@dataclass(frozen=True)
class PartSummary:
    """Summary of a finished part, read without its images.

    Attributes
    ----------
    key : str
        SHA-256 of all that decided its content.
    healthy, unhealthy, unknown : int
        Number of slices.
    has_truth : bool
        Whether a pixel mask is stored.
    spacing_mm : float
        Distance between slices.
    warnings : tuple of str
        What preprocessing found doubtful.
    preparation : dict
        What was done to raw scans; empty where nothing was.
    """

    key: str
    healthy: int
    unhealthy: int
    unknown: int
    has_truth: bool
    spacing_mm: float
    warnings: tuple[str, ...]
    preparation: dict[str, Any] = field(default_factory=dict)


class PartStore:
    """The folder `DATASET.parts` beside a dataset in the making; use `PartStore.locked`.

    Parameters
    ----------
    folder : Path
        An existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def beside(dataset: Path) -> Path:
        """Folder of the parts of a dataset."""
        return dataset.with_name(f"{dataset.name}.parts")

    @classmethod
    @contextmanager
    def locked(cls, dataset: Path) -> Iterator[PartStore]:
        """Open or make the parts of a dataset, for this process alone.

        What a process left half-written is removed, and the folder, too, when no part is in it at
        the end.

        Raises
        ------
        OutputError
            When another process is at work on it, or it cannot be written.
        """
        folder = cls.beside(dataset)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be created ({error.strerror}); choose another path."
            ) from error
        with folder_lock(folder, str(dataset)):
            _remove_half_written(folder)
            try:
                yield cls(folder)
            finally:
                _remove_half_written(folder)
                if not any(folder.glob("*.npz")):
                    shutil.rmtree(folder, ignore_errors=True)

    def path(self, subject: str) -> Path:
        """File of a subject's part."""
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", subject)[:80].lstrip(".")
        return self.folder / f"{readable}-{_sha256(subject)[:8]}.npz"

    def save(self, subject: str, key: str, slices: SubjectSlices) -> None:
        """Write a part; it appears whole or not at all.

        Raises
        ------
        OutputError
            When it cannot be written.
        """
        summary = PartSummary(
            key=key,
            healthy=int((slices.labels == 0).sum()),
            unhealthy=int((slices.labels == 1).sum()),
            unknown=int((slices.labels < 0).sum()),
            has_truth=slices.truth is not None,
            spacing_mm=slices.spacing_mm,
            warnings=slices.warnings,
            preparation=slices.preparation,
        )
        arrays: dict[str, Any] = {name: getattr(slices, name) for name in _ARRAYS}
        if slices.truth is not None:
            arrays["truth"] = slices.truth
        text = json.dumps(asdict(summary)).encode()
        with atomic_path(self.path(subject), overwrite=True) as pending, pending.open("wb") as file:
            np.savez_compressed(file, summary=np.frombuffer(text, dtype=np.uint8), **arrays)

    def summary(self, subject: str) -> PartSummary | None:
        """Summary of a finished part, or None where there is none that can be read."""
        path = self.path(subject)
        if not path.is_file():
            return None
        try:
            with np.load(path) as stored:
                values = json.loads(stored["summary"].tobytes())
            return _SUMMARY.validate_python(values)
        except Exception:  # damaged archives make NumPy raise nearly anything
            return None

    def load(self, subject: str) -> SubjectSlices:
        """Read a finished part.

        Raises
        ------
        DatasetError
            When it is damaged; it is then removed, so that the next run makes it again.
        """
        path, summary = self.path(subject), self.summary(subject)
        try:
            if summary is None:
                raise ValueError("no summary")
            with np.load(path) as stored:
                arrays = {name: stored[name] for name in _ARRAYS}
                truth = stored["truth"] if summary.has_truth else None
            slices = SubjectSlices(
                truth=truth,
                spacing_mm=summary.spacing_mm,
                warnings=summary.warnings,
                preparation=summary.preparation,
                **arrays,
            )
            _check(slices)
        except Exception as error:  # as above
            path.unlink(missing_ok=True)
            raise DatasetError(
                f"The intermediate file {path} was damaged ({one_line(error)}) and has been "
                "removed; run the same command again."
            ) from error
        return slices

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_half_written(folder: Path) -> None:
    for stale in folder.glob(".*"):
        shutil.rmtree(stale, ignore_errors=True) if stale.is_dir() else stale.unlink()


_SUMMARY: Final = TypeAdapter(PartSummary)


def _check(slices: SubjectSlices) -> None:
    """Refuse arrays that do not belong together."""
    count, _, *plane = (*slices.images.shape, 0, 0)[:4]
    flat = (slices.labels, slices.slice_ids)
    masks = [mask for mask in (slices.foreground, slices.truth) if mask is not None]
    if (
        slices.images.dtype != np.float16
        or slices.images.ndim != 4
        or any(each.shape != (count,) or each.dtype.kind != "i" for each in flat)
        or any(mask.shape != (count, *plane) or mask.dtype != bool for mask in masks)
    ):
        raise ValueError("its arrays do not belong together")


def part_key(case: Case, recipe: Recipe) -> str:
    """SHA-256 of all that decides a part: files (path, size, time), annotation and recipe.

    Raises
    ------
    DatasetError
        When a file of the case is missing, or its content was not fetched.
    """
    files = []
    for role, path in case.files().items():
        if (fault := missing_content(path)) is not None:
            raise DatasetError(fault)
        try:
            stat = path.stat()
        except OSError as error:
            raise DatasetError(f"The {role} {path} cannot be read ({error.strerror}).") from error
        files.append([role, str(path), stat.st_size, stat.st_mtime_ns])
    said = asdict(case.annotation)
    recipe_values = {**asdict(recipe), "preprocessing": recipe.preprocessing.model_dump()}
    return _sha256(json.dumps([_VERSION, files, case.mask_labels, said, recipe_values]))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
