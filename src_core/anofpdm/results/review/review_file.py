"""A file that holds the review of a mask: its lesions, their verdicts and their notes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from anofpdm.common.errors import SettingsError
from anofpdm.results.json_file import JsonFile
from anofpdm.results.lesions import Lesions
from anofpdm.results.review.verdicts import LesionReview, Review, ReviewedLesions, Verdict

_TOLERANCE_MM = 1e-3
_MOST_VOXELS = 2**31
Count = Annotated[int, Field(ge=1, lt=_MOST_VOXELS)]
Row = tuple[float, float, float, float]


class StoredLesion(BaseModel):
    """One lesion.

    Attributes
    ----------
    number : int
        1 for the largest.
    verdict, note
        See `LesionReview`.
    volume_ml : float
    centre_mm : tuple of float
        RAS. It and the volume are there for readers of the file.
    runs : list of (int, int)
        First voxel and length of each run of its voxels, in C order of the scan's array.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: Count
    verdict: Verdict = "unreviewed"
    note: str = ""
    volume_ml: float
    centre_mm: tuple[float, float, float]
    runs: list[tuple[Annotated[int, Field(ge=0, lt=_MOST_VOXELS)], Count]]


class ReviewFile(JsonFile):
    """The content of a review file.

    Attributes
    ----------
    format_version : int
    shape : tuple of int
        Of the scan.
    affine : 4 rows of 4 floats
        Voxel index of the scan to RAS mm.
    lesions : list of StoredLesion
        All lesions of the reviewed mask, those without a verdict included.
    """

    what: ClassVar = "review file"
    again: ClassVar = "save the review again"
    indent: ClassVar = None

    format_version: Literal[1] = 1
    shape: tuple[Count, Count, Count]
    affine: tuple[Row, Row, Row, Row]
    lesions: list[StoredLesion]

    @classmethod
    def of(cls, reviewed: ReviewedLesions, affine: NDArray[np.float64]) -> ReviewFile:
        """Gather the content of a file.

        Parameters
        ----------
        reviewed : ReviewedLesions
        affine : ndarray, shape (4, 4)
            Of the scan.
        """
        lesions, review = reviewed.lesions, reviewed.review
        flat = lesions.labels.ravel()
        marked = np.flatnonzero(flat)
        numbers = flat[marked]
        stored = [
            StoredLesion(
                number=each.number,
                verdict=review.of(each.number).verdict,
                note=review.of(each.number).note,
                volume_ml=each.volume_ml,
                centre_mm=each.centre_mm,
                runs=_runs(marked[numbers == each.number]),
            )
            for each in lesions.table
        ]
        rows = np.asarray(affine, dtype=np.float64).tolist()
        return cls.model_validate(
            {"shape": lesions.labels.shape, "affine": rows, "lesions": stored}
        )

    def on(self, lesions: Lesions, affine: NDArray[np.float64]) -> ReviewedLesions:
        """Carry the review over to lesions of the same scan, see `ReviewedLesions.on`.

        Raises
        ------
        SettingsError
            When the scan has another shape or affine, or a run leaves the scan.
        """
        near = np.allclose(affine, np.array(self.affine), rtol=0.0, atol=_TOLERANCE_MM)
        if lesions.labels.shape != self.shape or not near:
            raise SettingsError(
                f"The review belongs to another scan (shape {self.shape}); this scan has shape "
                f"{lesions.labels.shape}. Choose the review of this scan."
            )
        flat = np.zeros(lesions.labels.size, dtype=np.int32)
        for each in self.lesions:
            for first, length in each.runs:
                if first + length > flat.size:
                    raise SettingsError(
                        f"Lesion {each.number} of the review reaches beyond the scan; save the "
                        "review again."
                    )
                flat[first : first + length] = each.number
        earlier = Lesions(flat.reshape(self.shape), (), lesions.voxel_volume_ml)
        entries = {each.number: LesionReview(each.verdict, each.note) for each in self.lesions}
        return ReviewedLesions(earlier, Review(entries)).on(lesions)


def _runs(voxels: NDArray[np.intp]) -> list[tuple[int, int]]:
    starts = np.flatnonzero(np.diff(voxels, prepend=-2) != 1)
    ends = np.append(starts[1:], len(voxels))
    return [(int(voxels[s]), int(e - s)) for s, e in zip(starts, ends, strict=True)]
