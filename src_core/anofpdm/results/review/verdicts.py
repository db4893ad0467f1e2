"""A reader's verdict and note on each lesion, and how they outlive a change of the mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from anofpdm.results.lesions import Lesions

Verdict = Literal["unreviewed", "accepted", "rejected"]


@dataclass(frozen=True)
class LesionReview:
    """What a reader says about one lesion.

    Attributes
    ----------
    verdict : {"unreviewed", "accepted", "rejected"}
        A rejected lesion is left out of the mask and of all volumes.
    note : str
    """

    verdict: Verdict = "unreviewed"
    note: str = ""


UNREVIEWED = LesionReview()


@dataclass(frozen=True)
class Review:
    """Verdicts and notes by the numbers of lesions.

    Attributes
    ----------
    entries : mapping of int to LesionReview
        Lesions without an entry are unreviewed.
    """

    entries: Mapping[int, LesionReview] = field(default_factory=dict)

    def of(self, number: int) -> LesionReview:
        """Return the review of a lesion."""
        return self.entries.get(number, UNREVIEWED)

    @property
    def rejected(self) -> frozenset[int]:
        """Numbers of the rejected lesions."""
        return frozenset(n for n, each in self.entries.items() if each.verdict == "rejected")

    @property
    def without_rejections(self) -> Review:
        """The review with no verdict on the rejected lesions; their notes stay."""
        review = self
        for number in self.rejected:
            review = review.with_verdict(number, "unreviewed")
        return review

    def with_verdict(self, number: int, verdict: Verdict) -> Review:
        """Return the review with another verdict on a lesion."""
        return self._with(number, replace(self.of(number), verdict=verdict))

    def with_note(self, number: int, note: str) -> Review:
        """Return the review with another note on a lesion."""
        return self._with(number, replace(self.of(number), note=note.strip()))

    def _with(self, number: int, entry: LesionReview) -> Review:
        others = {n: each for n, each in self.entries.items() if n != number}
        return Review(others if entry == UNREVIEWED else {**others, number: entry})


@dataclass(frozen=True, eq=False)
class ReviewedLesions:
    """Lesions with their review.

    Attributes
    ----------
    lesions : Lesions
        All of them, the rejected ones included.
    review : Review
        By the numbers in `lesions`.
    """

    lesions: Lesions
    review: Review = Review()

    def on(self, lesions: Lesions) -> ReviewedLesions:
        """Carry the review over to the lesions of another mask on the same voxels.

        A lesion keeps verdict and note of the earlier lesion that it mostly overlaps; see
        `Lesions.predecessors`.
        """
        if lesions is self.lesions or not self.review.entries:
            return ReviewedLesions(lesions, self.review if lesions is self.lesions else Review())
        entries = {
            number: self.review.of(earlier)
            for number, earlier in lesions.predecessors(self.lesions).items()
            if earlier in self.review.entries
        }
        return ReviewedLesions(lesions, Review(entries))

    @property
    def kept(self) -> ReviewedLesions:
        """The lesions that are not rejected, renumbered from the largest down."""
        return self._only([n.number for n in self.lesions.table if self._is_kept(n.number)])

    @property
    def left_out(self) -> ReviewedLesions:
        """The rejected lesions, renumbered from the largest down."""
        return self._only([n.number for n in self.lesions.table if not self._is_kept(n.number)])

    def _is_kept(self, number: int) -> bool:
        return self.review.of(number).verdict != "rejected"

    def _only(self, numbers: list[int]) -> ReviewedLesions:
        others = [each.number for each in self.lesions.table if each.number not in set(numbers)]
        entries = {
            now: self.review.of(before)
            for now, before in enumerate(numbers, start=1)
            if before in self.review.entries
        }
        return ReviewedLesions(self.lesions.without(others), Review(entries))
