"""`LesionReviews`: a reader's verdicts and notes while the mask changes under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anofpdm.results.lesions import Lesions
    from anofpdm.results.review.verdicts import Review, ReviewedLesions


class LesionReviews:
    """The reviews of one analysis, and the lesion that is selected.

    The lesions of new settings take their review from those that the reader last reviewed, not
    from those of a moment ago: a lesion that goes and comes back while a slider moves keeps its
    verdict.

    Attributes
    ----------
    found : ReviewedLesions or None
        The lesions that were found.
    edited : ReviewedLesions or None
        Those of the edited mask that counts.
    selected : int or None
        A number in `shown`.
    """

    def __init__(self) -> None:
        self.found: ReviewedLesions | None = None
        self.edited: ReviewedLesions | None = None
        self.selected: int | None = None
        self._reviewed: ReviewedLesions | None = None

    @property
    def shown(self) -> ReviewedLesions | None:
        """The lesions in the table: those of the edited mask, or those that were found."""
        return self.found if self.edited is None else self.edited

    @property
    def rejected(self) -> frozenset[int]:
        """Numbers of the rejected ones in `found`."""
        return frozenset() if self.found is None else self.found.review.rejected

    def take_found(self, lesions: Lesions) -> None:
        """Take the lesions of new settings."""
        from anofpdm.results.review.verdicts import ReviewedLesions

        before = self.shown
        earlier = self._reviewed
        self.found = ReviewedLesions(lesions) if earlier is None else earlier.on(lesions)
        self._follow(before)

    def take_edited(self, lesions: Lesions | None) -> None:
        """Take the lesions of the edited mask, or None where none counts any more."""
        from anofpdm.results.review.verdicts import ReviewedLesions

        before = self.shown
        if lesions is None:
            self.edited = None
        else:
            carried = ReviewedLesions(lesions) if before is None else before.on(lesions)
            # What the user has painted again is not rejected any more.
            self.edited = ReviewedLesions(lesions, carried.review.without_rejections)
        self._follow(before)

    def change(self, review: Review) -> None:
        """Set the review of the lesions in the table."""
        from anofpdm.results.review.verdicts import ReviewedLesions

        if self.edited is not None:
            self.edited = ReviewedLesions(self.edited.lesions, review)
        elif self.found is not None:
            self.found = self._reviewed = ReviewedLesions(self.found.lesions, review)

    def _follow(self, before: ReviewedLesions | None) -> None:
        """Let the selection follow its lesion to its new number."""
        if self.selected is None or before is None or self.shown is None:
            self.selected = None
        elif self.shown.lesions is not before.lesions:
            found = self.shown.lesions.predecessors(before.lesions)
            heirs = [now for now, earlier in found.items() if earlier == self.selected]
            self.selected = min(heirs, default=None)
