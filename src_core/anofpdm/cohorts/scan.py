"""One scan of a cohort, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from anofpdm.datasets.preparation.file_names import without_folders
from anofpdm.segmentation.image_file import ImageFile


@dataclass(frozen=True)
class CohortScan:
    """One examination.

    Attributes
    ----------
    name : str
        Unique in its cohort, and the name of its folder.
    patient : str
        Whose it is.
    images : mapping of str to ImageFile
        By modality, in the model's order.
    brain_mask : ImageFile or None
    problem : str
        One sentence on why it cannot be segmented; empty where nothing is known against it.
    """

    name: str
    patient: str
    images: Mapping[str, ImageFile] = field(default_factory=dict)
    brain_mask: ImageFile | None = None
    problem: str = ""

    @property
    def files(self) -> dict[str, ImageFile]:
        """All its files by role: the modalities, then "brain mask"."""
        mask = {} if self.brain_mask is None else {"brain mask": self.brain_mask}
        return {**self.images, **mask}

    def without_folders(self, sentence: str) -> str:
        """Return a sentence on its files with their names alone: a folder may name a patient."""
        return without_folders(sentence, [file.path for file in self.files.values()])


@dataclass(frozen=True)
class Outcome:
    """What became of a scan.

    Attributes
    ----------
    scan : str
        Its name.
    status : {"done", "kept", "failed"}
        Segmented now; found done although its files were touched; or failed.
    row : dict
        Its line in the table, if it did not fail.
    reason : str
        Why it failed, one sentence.
    tries : int
        How often it was begun.
    seconds : float
    """

    scan: str
    status: Literal["done", "kept", "failed"]
    row: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    tries: int = 1
    seconds: float = 0.0


class Work(Protocol):
    """What is done to each scan; it can be sent to other processes."""

    def __call__(self, scan: CohortScan) -> Outcome:
        """Do it; no failure of the scan is raised."""
